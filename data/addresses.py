"""Collections and pictures at an address (`s3://bucket/covers`, `gs://...`): listing and reading them.

An address is whatever fsspec reads; a zip's member is `s3://bucket/Rock.zip!Rock/a.jpg`, as in a folder.
"""

from __future__ import annotations

import functools
import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.registry import available_protocols, known_implementations

from coverfusion.data.archives import (
    MAX_FILE_BYTES,
    ZIP_MEMBER,
    Archive,
    is_litter,
    member_names,
    open_archive,
    read_member,
)
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.machine_faults import stop_where_nothing_can_be_read
from coverfusion.data.pictures import PictureError

PARALLEL_REQUESTS = 16  # pictures asked of a store at a time; waiting for it takes no core
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """A place by protocol, with the part of `pathlib.Path` that a collection needs.

    A `Path` itself would make `s3:/bucket` of `s3://bucket`.

    Attributes:
        text: as the user wrote it, without a slash at its end.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        """The last part: of a bucket, its name."""
        return self.text.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The end of the name from its last dot on."""
        return PurePosixPath(self.name).suffix

    def exists(self) -> bool:
        """Whether anything lies there. Raises UserError as `filesystem`, or where the store says no."""
        return self._kind() != ""

    def is_dir(self) -> bool:
        """Whether it is a folder. Raises UserError as `exists`."""
        return self._kind() == "directory"

    def _kind(self) -> str:
        """What fsspec calls it; "" for nothing. Its `exists` says no where the store refuses to say."""
        store, path = filesystem(self.text)
        with _listing(self.text):
            try:
                return store.info(path)["type"]
            except FileNotFoundError:
                return ""

    def open(self, mode: str) -> Any:
        """An open file. Raises UserError as `filesystem`, or what the store raises."""
        store, path = filesystem(self.text)
        return store.open(path, mode)

    def beside(self, path: str) -> str:
        """The address that a relative path has as seen from the folder in which this one lies."""
        protocol, _, rest = self.text.partition("://")
        return f"{protocol}://{posixpath.normpath(posixpath.join(posixpath.dirname(rest), path))}"


Place = Path | Address


def is_address(path: str) -> bool:
    """Whether this names a place by protocol (`s3://...`) rather than a file or folder."""
    return _ADDRESS.match(path) is not None


def place(path: str | os.PathLike[str] | Address) -> Place:
    """What a text or path names: an address, or else a path."""
    if isinstance(path, Address):
        return path
    return Address(path.rstrip("/")) if isinstance(path, str) and is_address(path) else Path(path)


def filesystem(address: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of an address or of a plain path, and the path in it.

    Raises:
        UserError: nobody knows the protocol, its package is not installed (the message names it), or the
            store cannot be reached.
    """
    protocol = address.split("://")[0]
    try:
        return fsspec.core.url_to_fs(address, **_options(address))
    except ImportError as error:
        package = known_implementations[protocol]["class"].split(".")[0]
        hint = f"pip install {package}" if package != "fsspec" else str(error)
        raise UserError(f"{address}: {protocol}:// needs a package that is not here: {hint}") from error
    except Exception as error:  # the package of each protocol has errors of its own
        if protocol in available_protocols():
            raise UserError(f"{address} cannot be reached: {_first_line(error)}") from error
        hint = did_you_mean(protocol, available_protocols())
        raise UserError(f"{address}: there is no protocol '{protocol}'.{hint}") from error


def _is_web(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))


def _options(address: str) -> dict[str, Any]:
    """What a store is told beyond its address: to web servers, how long anything is waited for."""
    if not _is_web(address):
        return {}
    from coverfusion.data.web_files import time_out  # needs aiohttp, as the store does

    return {"client_kwargs": {"timeout": time_out()}}


def list_address(address: str) -> Iterator[str]:
    """The pictures under an address by name, folder by folder, the members of zips included.

    An address that holds nothing is passed on, and so is a file of a web server that does not answer:
    `read_address` says why.

    Raises:
        UserError: as `filesystem`; the store cannot be listed.
    """
    top = Address(address.rstrip("/"))
    try:
        is_folder = top.is_dir()
    except UserError:
        if not _is_web(address) or address.endswith("/"):
            raise
        yield address
        return
    yield from walk(top, is_folder)


def children(folder: Address) -> list[tuple[Address, bool]]:
    """What lies in a folder, by name and without litter, and whether each is a folder itself.

    Raises:
        UserError: as `list_address`.
    """
    store, path = filesystem(folder.text)
    with _listing(folder.text):
        listing = store.ls(path, detail=True)
    kinds = {info["name"].rstrip("/"): info["type"] == "directory" for info in listing}
    kinds.pop(path.rstrip("/"), None)  # some stores keep an object of the folder's own name
    named = sorted((name.rpartition("/")[2], is_folder) for name, is_folder in kinds.items())
    return [(Address(f"{folder}/{name}"), is_folder) for name, is_folder in named if not is_litter(name)]


def walk(top: Address, is_folder: bool) -> Iterator[str]:
    """The pictures under a folder, or those of a single file, as `list_address` gives them."""
    if is_folder:
        for child, below in children(top):
            yield from walk(child, below)
        return
    members = members_at(top.text) if top.suffix.lower() == ".zip" else []
    yield from (f"{top}!{name}" for name in members) if members else [top.text]


def members_at(archive: str) -> list[str]:
    """The names of the files in a zip; none where it is broken or a bomb (`read_address` says which)."""
    try:
        return member_names(_open_zip(archive))
    except PictureError:
        return []


def read_address(address: str) -> bytes:
    """The bytes at an address or of a zip's member there; may be called from many threads.

    Raises:
        PictureError: as `data.sources.read_bytes`.
        UserError: as `filesystem`.
    """
    with _reasons("cannot be read"):
        if match := ZIP_MEMBER.search(address):
            return read_member(_open_zip(address[: match.end() - 1]), address[match.end() :])
        if address.lower().endswith(".zip"):
            _open_zip(address)
            raise PictureError("an archive without pictures")
        store, path = filesystem(address)
        if _is_web(address):
            from coverfusion.data.web_files import read_start  # needs aiohttp, as the store does

            content = read_start(store, path, MAX_FILE_BYTES + 1)
        else:
            content = store.cat_file(path, start=0, end=MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise PictureError(f"too large: more than {MAX_FILE_BYTES // 2**20} MiB")
    return content


@functools.lru_cache(maxsize=8)
def _open_zip(address: str) -> Archive:
    store, path = filesystem(address)
    with _reasons("broken archive"):
        if _is_web(address):
            from coverfusion.data.web_files import open_parts

            stream = open_parts(store, path)
        else:
            stream = store.open(path, "rb")
        return open_archive(stream, stream.seek(0, 2))


@contextmanager
def _reasons(what: str) -> Iterator[None]:
    """What a store raises as the reason against one picture."""
    try:
        yield
    except (PictureError, UserError):
        raise
    except FileNotFoundError as error:
        raise PictureError("no such file") from error
    except Exception as error:  # as in `filesystem`
        stop_where_nothing_can_be_read(error, "What lies at addresses")
        raise PictureError(f"{what}: {_first_line(error)}") from error


@contextmanager
def _listing(address: str) -> Iterator[None]:
    """What a store raises as the user's to mend."""
    try:
        yield
    except Exception as error:  # as in `filesystem`
        raise UserError(f"{address} cannot be listed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "nothing came in time"
    return " ".join((str(error).strip() or type(error).__name__).splitlines()[0].split())
