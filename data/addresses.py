"""Pictures at an address (`s3://bucket/covers`, `gs://...`): listing them, reading their bytes.

An address is whatever fsspec reads; a zip's member is `s3://bucket/Rock.zip!Rock/a.jpg`, as in a folder.
"""

from __future__ import annotations

import functools
import re
import threading
import zipfile
import zlib
from collections.abc import Iterator

import fsspec
from fsspec.registry import known_implementations

from data.errors import UserError, nearest
from data.pictures import PictureError
from data.sources import _BOMB_BYTES, _BOMB_RATIO, _LITTER, MAX_BYTES, _parts, _points_outside

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ZIP_MEMBER = re.compile(r"\.zip!", re.IGNORECASE)


def is_address(path: str) -> bool:
    """Whether this names a place by protocol (`s3://...`) rather than a file or folder."""
    return _ADDRESS.match(path) is not None


def filesystem(address: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of an address or of a plain path, and the path in it.

    Raises:
        UserError: nobody knows the protocol, or its package is not installed (the message names it).
    """
    try:
        return fsspec.core.url_to_fs(address)
    except ImportError as error:
        protocol = address.split("://")[0]
        package = known_implementations[protocol]["class"].split(".")[0]
        raise UserError(
            f"{address}: {protocol}:// needs a package that is not here: pip install {package}"
        ) from error
    except ValueError as error:
        protocol = address.split("://")[0]
        hint = nearest(protocol, known_implementations)
        raise UserError(f"{address}: there is no protocol '{protocol}'.{hint}") from error


def list_address(address: str) -> Iterator[str]:
    """The pictures under an address, folder by folder, by name in each, the members of zips included.

    An address that holds nothing is passed on: `read_address` says so.

    Raises:
        UserError: as `filesystem`; the store cannot be listed.
    """
    store, root = filesystem(address)
    try:
        if not store.isdir(root):
            yield from _with_members(address)
            return
        for folder, folders, files in store.walk(root, on_error="raise"):
            folders[:] = sorted(name for name in folders if not _LITTER.match(name))
            for name in sorted(files):
                if not _LITTER.match(name):
                    yield from _with_members(store.unstrip_protocol(f"{folder}/{name}"))
    except OSError as error:
        raise UserError(f"{address} cannot be listed: {error}") from error


def read_address(address: str) -> bytes:
    """The bytes at an address or of a zip's member there; may be called from many threads.

    Raises:
        PictureError: as `data.sources.read_bytes`.
        UserError: as `filesystem`.
    """
    if found := _ZIP_MEMBER.search(address):
        return _read_member(address[: found.end() - 1], address[found.end() :])
    if address.lower().endswith(".zip"):
        _open_zip(address)
        raise PictureError("an archive without pictures")
    store, path = filesystem(address)
    try:
        content = store.cat_file(path, start=0, end=MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureError("no such file") from error
    except OSError as error:
        raise PictureError(f"cannot be read: {error}") from error
    if len(content) > MAX_BYTES:
        raise PictureError(f"too large: more than {MAX_BYTES // 2**20} MiB")
    return content


def _with_members(address: str) -> Iterator[str]:
    """The address itself, or those of a zip's members; a broken zip is passed on as it is."""
    if not address.lower().endswith(".zip"):
        yield address
        return
    try:
        names = [info.filename for info in _open_zip(address)[0].infolist() if not info.is_dir()]
    except PictureError:
        names = []
    members = [name for name in names if not any(map(_LITTER.match, _parts(name)))]
    yield from (f"{address}!{name}" for name in members) if members else [address]


def _read_member(archive: str, member: str) -> bytes:
    if _points_outside(member):
        raise PictureError("its name points outside the archive")
    zipped, lock = _open_zip(archive)
    try:
        with lock:  # one file position for all threads
            info = zipped.getinfo(member)
            if info.flag_bits & 0x1:
                raise PictureError("encrypted in its archive")
            if info.file_size > MAX_BYTES:
                raise PictureError(f"too large: more than {MAX_BYTES // 2**20} MiB unpacked")
            return zipped.read(info)
    except KeyError as error:
        raise PictureError("no such member in the archive") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise PictureError(f"broken archive member: {error}") from error


@functools.lru_cache(maxsize=8)
def _open_zip(address: str) -> tuple[zipfile.ZipFile, threading.Lock]:
    store, path = filesystem(address)
    try:
        stream = store.open(path, "rb")
        zipped = zipfile.ZipFile(stream)
    except FileNotFoundError as error:
        raise PictureError("no such file") from error
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise PictureError(f"broken archive: {error}") from error
    packed = stream.seek(0, 2)
    unpacked = sum(info.file_size for info in zipped.infolist())
    if unpacked > _BOMB_BYTES and unpacked > _BOMB_RATIO * packed:
        raise PictureError(f"zip bomb: {packed:,} bytes that unpack to {unpacked:,}")
    return zipped, threading.Lock()
