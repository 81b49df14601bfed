"""Where covers lie: genre folders, zips, manifests; listing them and reading their bytes.

A path is a file (`covers/a.jpg`) or a member of a zip (`Rock.zip!Rock/a.jpg`), here or at an address
(`s3://bucket/covers/a.jpg`). Listing never opens a picture and never fails for one: what cannot be read is
listed all the same, and `read_bytes` says why.
"""

from __future__ import annotations

import functools
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coverfusion.data.addresses import (
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
from coverfusion.data.csv_files import as_was
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.pictures import PictureError


@dataclass(frozen=True)
class Entry:
    """One cover of a collection, not opened yet.

    Attributes:
        path: a file or address, or `zip!member`.
        genre: the label; empty where the file lies beside the genre folders.
        artist: who made it; empty where unknown.
        group: covers of one group stay together in every split; empty where unknown.
    """

    path: str
    genre: str
    artist: str = ""
    group: str = ""


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file, of what lies at an address, or of a `zip!member`; may be called from many threads.

    Raises:
        PictureError: it is not there, too large, encrypted, points outside its archive, or the archive is
            broken or a bomb.
        UserError: an address by a protocol that nobody knows, or whose package is not installed.
    """
    path = os.fspath(path)
    if is_address(path):
        return read_address(path)
    archive, member = _split(path)
    if member:
        return read_member(_open_zip(archive), member)
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise PictureError("not a file")  # a pipe would wait for ever
        if status.st_size > MAX_FILE_BYTES:
            raise PictureError(f"too large: more than {MAX_FILE_BYTES // 2**20} MiB")
        if path.lower().endswith(".zip"):
            _open_zip(path)
            raise PictureError("an archive without pictures")
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise PictureError("no such file") from error
    except (OSError, ValueError) as error:
        raise (
            error if isinstance(error, PictureError) else PictureError(f"cannot be read: {error}")
        ) from error


def is_there(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file, a folder or a `zip!member`; of an address only listing it tells."""
    path = os.fspath(path)
    archive, member = _split(path)
    if member:
        return member in _members(archive)
    return is_address(path) or os.path.exists(path)  # noqa: PTH110 - a Path raises where a name is too long


def list_entries(collection: str | os.PathLike[str] | Address) -> Iterator[Entry]:
    """All covers of a collection, in a fixed order, which is the same for a folder and for its address.

    Args:
        collection: a folder of genre folders and of zips named by genre (both may stand side by side), one
            zip of genre folders or named by genre, or a CSV or parquet manifest with the columns `path`
            and `genre` and, if known, `artist` and `group`; its paths are addresses, or relative to itself.

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
        yield from _folder_entries(collection)
    elif suffix == ".zip":
        yield from _zip_entries(collection)
    elif suffix in (".csv", ".parquet"):
        yield from _manifest_entries(collection)
    else:
        raise UserError(
            f"{collection} is no collection: give a folder of genres, a zip, or a .csv or .parquet manifest."
        )


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
        yield from list_address(text) if is_address(text) else _walk(Path(text))


# --- folders -------------------------------------------------------------------------------------------


def _folder_entries(folder: Place) -> Iterator[Entry]:
    for child, is_folder in _children(folder):
        is_genre = is_folder or child.suffix.lower() == ".zip"
        genre = (child.name if is_folder else child.stem).strip() if is_genre else ""
        for path in _walk(child) if isinstance(child, Path) else walk(child, is_folder):
            yield Entry(path, genre)


def _children(folder: Place) -> Sequence[tuple[Place, bool]]:
    """What lies in a folder, by name, and whether each is a folder itself."""
    if isinstance(folder, Address):
        return children(folder)
    return [(child, child.is_dir()) for child in sorted(folder.iterdir()) if not is_litter(child.name)]


def _walk(path: Path, seen: frozenset[Path] = frozenset()) -> Iterator[str]:
    """Files under `path` by name, those in zips included; a linked folder is followed, a loop is not."""
    if path.is_dir():
        real = path.resolve()
        if real in seen:
            return
        for name in sorted(os.listdir(path)):  # noqa: PTH208 - names alone, of a folder of any size
            if not is_litter(name):
                yield from _walk(path / name, seen | {real})
    elif path.suffix.lower() == ".zip" and path.is_file():
        members = _members(str(path))
        yield from (f"{path}!{name}" for name in members) if members else [str(path)]
    else:
        yield str(path)


# --- zips ----------------------------------------------------------------------------------------------


def _zip_entries(archive: Place) -> Iterator[Entry]:
    members = members_at(str(archive)) if isinstance(archive, Address) else _members(str(archive))
    for name, genre in zip(members, member_genres(members, archive.stem), strict=True):
        yield Entry(f"{archive}!{name}", genre)
    if not members:
        yield Entry(str(archive), archive.stem.strip())


def _members(archive: str) -> list[str]:
    """The names of the files in a zip; none where it is broken or a bomb (`read_bytes` says which)."""
    try:
        return member_names(_open_zip(archive))
    except PictureError:
        return []


def _split(path: str) -> tuple[str, str]:
    """(archive, member), or (path, "") for a plain file; `!` may stand in any name."""
    for match in ZIP_MEMBER.finditer(path):
        archive = path[: match.end() - 1]
        if os.path.isfile(archive):  # noqa: PTH113 - a Path would cost more than the test, once a cover
            return archive, path[match.end() :]
    return path, ""


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


def _manifest_entries(manifest: Place) -> Iterator[Entry]:
    frame = _read_manifest(manifest)
    for column in ("path", "genre"):
        if column not in frame.columns:
            hint = did_you_mean(column, map(str, frame.columns))
            raise UserError(
                f"{manifest} has no column '{column}'; a manifest needs 'path' and 'genre'.{hint}"
            )
        empty = frame.index[frame[column] == ""]
        if len(empty):
            rows = ", ".join(str(row + 1) for row in empty[:5])
            raise UserError(
                f"{manifest}: the {column} is empty in {len(empty)} row(s), the first: {rows} (of the data). "
                f"Fill it in or take the rows out."
            )
    nothing = [""] * len(frame)
    columns = [list(frame.get(name, nothing)) for name in ("path", "genre", "artist", "group")]
    for path, genre, artist, group in zip(*columns, strict=True):
        yield Entry(_beside(manifest, path), genre, artist, group)


def _beside(manifest: Place, path: str) -> str:
    """A manifest's path as seen from here; an address or an absolute path says all itself."""
    if is_address(path):
        return path
    if isinstance(manifest, Path):
        return str(manifest.parent / path)
    return path if path.startswith("/") else manifest.beside(path)


def _read_manifest(manifest: Place) -> pd.DataFrame:
    """All columns as text without outer blanks; not there = empty."""
    try:
        with manifest.open("rb") as stream:
            if manifest.suffix.lower() == ".parquet":
                frame = pd.read_parquet(stream)
                frame = frame.astype(object).where(frame.notna(), "")
            else:
                # "NA" and "None" are words here; utf-8-sig also reads what Excel saves.
                read = pd.read_csv(stream, dtype=str, keep_default_na=False, encoding="utf-8-sig")
                frame = as_was(read)  # `grow` writes manifests too
    except (OSError, ValueError) as error:
        raise UserError(f"{manifest} cannot be read as a manifest: {error}") from error
    frame.columns = [str(name).strip() for name in frame.columns]
    known = [name for name in ("path", "genre", "artist", "group") if name in frame.columns]
    if len(known) < 2:
        return frame
    return frame[known].map(lambda value: str(value).strip())
