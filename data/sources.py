"""Where covers lie: genre folders, zips, manifests; listing them and reading their bytes.

A path is a file (`covers/a.jpg`) or a member of a zip (`Rock.zip!Rock/a.jpg`), here or at an address
(`s3://bucket/covers/a.jpg`). Listing never opens a picture and never fails for one: what cannot be read is
listed all the same, and `read_bytes` says why. Listed paths are `data.names.readable`.
"""

from __future__ import annotations

import functools
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coverfusion.data.addresses import (
    PARALLEL_REQUESTS,
    Address,
    Place,
    children,
    is_address,
    list_address,
    members_at,
    place,
    read_address,
    walk,
)
from coverfusion.data.archives import (
    MAX_FILE_BYTES,
    ZIP_MEMBER,
    Archive,
    is_litter,
    member_genres,
    member_names,
    open_archive,
    read_member,
)
from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import Labels, check_names
from coverfusion.data.machine_faults import stop_where_nothing_can_be_read
from coverfusion.data.manifest import manifest_paths, manifest_rows
from coverfusion.data.memory_budget import MemoryBudget
from coverfusion.data.names import label, on_disk, readable
from coverfusion.data.outputs import OUTPUT_MARK
from coverfusion.data.pictures import PictureError

# What the large files that all threads hold may have together; smaller ones are not counted.
_ROOM, _UNCOUNTED_BYTES = MemoryBudget(MAX_FILE_BYTES), 2**21
LINK_BACK = "a link to a folder: pictures are read where they lie"
_MANIFESTS = (".csv", ".parquet")
# path, genre, artist and group as they are written
_Row = tuple[str, str, str, str]


@dataclass(frozen=True)
class Entry:
    """One cover of a collection, not opened yet.

    Attributes:
        path: a file or address, or `zip!member`.
        genre: the label; empty where the file lies beside the genre folders.
        artist: who made it; empty where unknown.
        group: covers of one group stay together in every split; empty where unknown.
        release: what both sides of one release are called; empty where unknown.
        side: "front" or "back".
    """

    path: str
    genre: str
    artist: str = ""
    group: str = ""
    release: str = ""
    side: str = "front"


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file, of what lies at an address, or of a `zip!member`; may be called from many threads.

    Raises:
        PictureError: it is not there, too large, encrypted, points outside its archive, or the archive is
            broken or a bomb.
        UserError: an address by a protocol that nobody knows, or whose package is not installed.
        MachineError: neither this file nor any other can be read.
    """
    path = os.fspath(path)
    if is_address(path):
        return read_address(path)
    path, member = _split(path)
    if member:
        return read_member(_open_zip(path), member)
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path takes no name that is too long
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()
            raise PictureError(LINK_BACK if os.path.islink(path) else "a folder")  # noqa: PTH114 - as above
        if not stat.S_ISREG(status.st_mode):
            raise PictureError("not a file")  # a pipe would wait for ever
        if path.lower().endswith(".zip"):
            _open_zip(path)
            raise PictureError("an archive without pictures")
        if status.st_size > MAX_FILE_BYTES:
            raise PictureError(f"too large: more than {MAX_FILE_BYTES // 2**20} MiB")
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            # with a size, for some files of the system go on for ever, whatever they say of themselves
            return file.read(status.st_size)
    except PictureError:
        raise
    except FileNotFoundError as error:
        raise PictureError("no such file") from error
    except OSError as error:
        stop_where_nothing_can_be_read(error, path)
        raise PictureError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise PictureError(f"cannot be read: {error}") from error


@contextmanager
def room_for(path: str | os.PathLike[str]) -> Iterator[None]:
    """Waits until there is memory for the bytes of a file, and holds it; many threads read large files.

    Args:
        path: as for `read_bytes`, which the caller calls and whose result it gives up within the context.
    """
    size = _size(os.fspath(path))
    if size <= _UNCOUNTED_BYTES:
        yield
        return
    with _ROOM.held(size):
        yield


def _size(path: str) -> int:
    """Bytes of a file or member, as its directory says; an address is taken for a large cover."""
    if is_address(path):
        return MAX_FILE_BYTES // PARALLEL_REQUESTS
    try:
        path, member = _split(path)
        if member:
            return _open_zip(path).members[member].file_size
        return os.stat(path).st_size  # noqa: PTH116 - as in `read_bytes`
    except (PictureError, KeyError, OSError, ValueError):
        return 0


def is_there(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file, a folder or a `zip!member`; of an address only listing it tells."""
    path, member = _split(os.fspath(path))
    if member:
        return member in _members(path)
    return is_address(path) or os.path.exists(path)  # noqa: PTH110 - a Path raises where a name is too long


def as_written(path: str, folder: str = "") -> str:
    r"""A path from a list, seen from a folder.

    If nothing lies there by that very name, it loses its outer blanks, and `\` becomes `/`, as elsewhere.
    """
    usual = path.strip()
    if is_address(usual):
        return usual
    if path != usual or "\\" in path:
        for spelt in (path, usual, usual.replace("\\", "/")):
            if is_there(os.path.join(folder, spelt)):  # noqa: PTH118
                return os.path.join(folder, spelt)  # noqa: PTH118
    return os.path.join(folder, usual)  # noqa: PTH118


def list_entries(
    collection: str | os.PathLike[str] | Address, labels: Labels = "one", separator: str | None = None
) -> Iterator[Entry]:
    """All covers of a collection, in a fixed order, which is the same for a folder and for its address.

    Args:
        collection: a folder of genre folders and of zips named by genre (both may stand side by side), one
            zip of genre folders or named by genre, or a CSV or parquet manifest with the columns `path`
            and `genre` and, if known, `artist` and `group`; its paths are addresses, or relative to itself.
        labels: "many": a manifest may give several genres a row; they come joined by `|`.
        separator: what parts them in a manifest; None: it is found.

    Raises:
        UserError: there is no such collection, its address cannot be listed, or the manifest lacks a column,
            a path or a genre.
    """
    collection = place(collection)
    if not collection.exists():
        raise UserError(
            f"There is no collection at {collection}. Name a folder, a zip, a .csv or a .parquet."
        )
    suffix = collection.suffix.lower()
    if collection.is_dir():
        found = _folder_entries(collection)
    elif suffix == ".zip":
        found = _zip_entries(collection)
    elif suffix in _MANIFESTS:
        rows = manifest_rows(collection, labels, separator)
        found = ((_beside(collection, row[0]), *row[1:]) for row in rows)
    else:
        raise UserError(
            f"{collection} is no collection: give a folder of genres, a zip, or a .csv or .parquet manifest."
        )
    for path, genre, artist, group in found:
        if labels == "many" and suffix not in _MANIFESTS:
            check_names([genre], collection)
        yield Entry(readable(path), label(genre), label(artist), group)


def list_pictures(paths: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """The pictures in files, folders and zips, here or at addresses, one by one.

    A folder or an address comes by name; a folder's names are held while it is walked (0.1 GB a million).
    A path that is not there is passed on: `read_bytes` says so.

    Args:
        paths: files, folders, zips and addresses; may itself be a stream.

    Raises:
        UserError: an address cannot be listed.
    """
    for path in paths:
        text = os.fspath(path)
        if is_address(text):
            yield from list_address(text)
        else:
            top = on_disk(text)
            yield from map(readable, _walk(top, top))


def is_manifest(path: Place) -> bool:
    """Whether there is a CSV or parquet file at this path or address."""
    return path.suffix.lower() in _MANIFESTS and path.exists() and not path.is_dir()


def pictures_of_manifest(path: str) -> list[str] | None:
    """The pictures that a CSV or parquet manifest names, one a row, or None where `path` is no manifest.

    For what a user names, never for what lies in a folder or was sent: a manifest may name any file.

    Args:
        path: a file or an address; the manifest needs the column `path` alone.

    Raises:
        UserError: the manifest cannot be read, or lacks a path.
    """
    manifest = place(path)
    if not is_manifest(manifest):
        return None
    return [readable(_beside(manifest, row)) for row in manifest_paths(manifest)]


# --- folders -------------------------------------------------------------------------------------------


def _folder_entries(folder: Place) -> Iterator[_Row]:
    for child, is_folder in _children(folder):
        is_genre = is_folder or child.suffix.lower() == ".zip"
        genre = (child.name if is_folder else child.stem) if is_genre else ""
        for path in walk(child, is_folder) if isinstance(child, Address) else _walk(str(child), str(folder)):
            yield path, genre, "", ""


def _children(folder: Place) -> Sequence[tuple[Place, bool]]:
    """What lies in a folder, by name, and whether each is a folder itself."""
    if isinstance(folder, Address):
        return children(folder)
    return [(child, child.is_dir()) for child in sorted(folder.iterdir()) if not is_litter(child.name)]


def _walk(path: str, top: str, above: frozenset[str] = frozenset()) -> Iterator[str]:
    """Files under `path` by name, those in zips included; nothing of what other runs have written.

    A linked folder is followed unless it leads back into what is walked anyway. Such a link, and a folder
    that may not be looked into, is given itself: `read_bytes` says why.
    """
    # os.path takes a name of any length, where a Path raises
    if os.path.isdir(path):  # noqa: PTH112
        real = os.path.realpath(path)
        if real in above or (os.path.islink(path) and _overlap(real, os.path.realpath(top))):  # noqa: PTH114
            yield path
            return
        try:
            names = sorted(os.listdir(path))  # noqa: PTH208 - names alone, of a folder of any size
        except OSError:
            yield path
            return
        if OUTPUT_MARK in names and path != top:
            return
        for name in names:
            if not is_litter(name):
                yield from _walk(os.path.join(path, name), top, above | {real})  # noqa: PTH118
    elif path.lower().endswith(".zip") and os.path.isfile(path):  # noqa: PTH113
        members = _members(path)
        yield from (f"{path}!{name}" for name in members) if members else [path]
    else:
        yield path


def _overlap(one: str, other: str) -> bool:
    """Whether one of two folders lies in the other, or is it."""
    return Path(one).is_relative_to(other) or Path(other).is_relative_to(one)


# --- zips ----------------------------------------------------------------------------------------------


def _zip_entries(archive: Place) -> Iterator[_Row]:
    members = members_at(str(archive)) if isinstance(archive, Address) else _members(str(archive))
    for name, genre in zip(members, member_genres(members, archive.stem), strict=True):
        yield f"{archive}!{name}", genre, "", ""
    if not members:
        yield str(archive), archive.stem, "", ""


def _members(archive: str) -> list[str]:
    """The names of the files in a zip; none where it is broken or a bomb (`read_bytes` says which)."""
    try:
        return member_names(_open_zip(archive))
    except PictureError:
        return []


def _split(path: str) -> tuple[str, str]:
    """(archive, member), or (path, "") for a plain file; `!` may stand in any name."""
    for match in ZIP_MEMBER.finditer(path):
        archive = on_disk(path[: match.end() - 1])
        if os.path.isfile(archive):  # noqa: PTH113 - a Path would cost more than the test, once a cover
            return archive, path[match.end() :]
    return on_disk(path), ""


def _open_zip(archive: str) -> Archive:
    try:
        status = os.stat(archive)  # noqa: PTH116 - as above
        # A forked worker must not share a file position with its parent: the process is part of the key.
        return _open_zip_cached(archive, status.st_mtime_ns, status.st_size, os.getpid())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise (
            error if isinstance(error, PictureError) else PictureError(f"broken archive: {error}")
        ) from error


@functools.lru_cache(maxsize=32)
def _open_zip_cached(archive: str, changed: int, size: int, process: int) -> Archive:
    return open_archive(archive, size)


# --- manifests -----------------------------------------------------------------------------------------


def _beside(manifest: Place, path: str) -> str:
    """A manifest's path as seen from here; an address or an absolute path says all itself."""
    if isinstance(manifest, Path):
        return as_written(path, str(manifest.parent))
    path = path.strip()
    return path if is_address(path) or path.startswith("/") else manifest.beside(path)
