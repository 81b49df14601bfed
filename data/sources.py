"""Where covers lie: genre folders, zips, manifests; listing them and reading their bytes.

A path is a file (`covers/a.jpg`) or a member of a zip (`Rock.zip!Rock/a.jpg`). Listing never opens a
picture and never fails for one: what cannot be read is listed all the same, and `read_bytes` says why.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import stat
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.errors import UserError, nearest
from data.pictures import PictureError

# One file, or one member unpacked; a 6,000 x 6,000 TIFF without compression still fits.
MAX_BYTES = 128 * 2**20
# An archive is a bomb above both: no collection of pictures packs 200 to 1.
_BOMB_BYTES, _BOMB_RATIO = 2**30, 200
# What systems leave behind in folders and archives; nobody means it as a cover.
_LITTER = re.compile(r"^(\..*|__MACOSX|Thumbs\.db|desktop\.ini)$", re.IGNORECASE)
_ZIP_MEMBER = re.compile(r"\.zip!", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One cover of a collection, not opened yet.

    Attributes:
        path: a file, or `zip!member`.
        genre: the label; empty where the file lies beside the genre folders.
        artist: who made it; empty where nobody said.
        group: covers of one group stay together in every split; empty where nobody said.
    """

    path: str
    genre: str
    artist: str = ""
    group: str = ""


def read_bytes(path: str) -> bytes:
    """The bytes of a file or of a `zip!member`; may be called from many threads.

    Raises:
        PictureError: it is not there, too large, encrypted, points outside its archive, or the archive is
            broken or a bomb.
    """
    archive, member = _split(path)
    if member:
        return _read_member(archive, member)
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise PictureError("not a file")  # a pipe would wait for ever
        if status.st_size > MAX_BYTES:
            raise PictureError(f"too large: more than {MAX_BYTES // 2**20} MiB")
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


def list_entries(collection: Path) -> Iterator[Entry]:
    """All covers of a collection, in a fixed order.

    Args:
        collection: a folder of genre folders and of zips named by genre (both may stand side by side), one
            zip of genre folders or named by genre, or a CSV or parquet manifest with the columns `path`
            and `genre` and, if known, `artist` and `group`; its paths are relative to itself.

    Raises:
        UserError: there is no such collection, or the manifest lacks a column, a path or a genre.
    """
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


def list_pictures(paths: Iterable[str]) -> Iterator[str]:
    """The pictures in files, folders and zips, one by one, in the order of the file system.

    Nothing is collected or sorted, so a folder of any size takes no memory. A path that is not there is
    passed on: `read_bytes` says so.

    Args:
        paths: files, folders and zips; may itself be a stream.
    """
    for path in paths:
        yield from _walk(Path(path), ordered=False)


# --- folders -------------------------------------------------------------------------------------------


def _folder_entries(folder: Path) -> Iterator[Entry]:
    for child in sorted(folder.iterdir()):
        if _LITTER.match(child.name):
            continue
        is_genre = child.is_dir() or child.suffix.lower() == ".zip"
        genre = (child.name if child.is_dir() else child.stem).strip() if is_genre else ""
        for path in _walk(child, ordered=True):
            yield Entry(path, genre)


def _walk(path: Path, ordered: bool, seen: frozenset[Path] = frozenset()) -> Iterator[str]:
    """Files under `path`, those in zips included; a linked folder is followed, a loop is not."""
    if path.is_dir():
        real = path.resolve()
        if real in seen:
            return
        with os.scandir(path) as found:
            children = sorted(found, key=lambda entry: entry.name) if ordered else found
            for child in children:
                if not _LITTER.match(child.name):
                    yield from _walk(Path(child.path), ordered, seen | {real})
    elif path.suffix.lower() == ".zip" and path.is_file():
        members = _members(str(path))
        yield from (f"{path}!{name}" for name in members) if members else [str(path)]
    else:
        yield str(path)


# --- zips ----------------------------------------------------------------------------------------------


def _zip_entries(archive: Path) -> Iterator[Entry]:
    """One zip: the genre is the member's first folder below those that all members share, else the stem."""
    members = _members(str(archive)) or [""]
    folders = {name: tuple(_parts(name)[:-1]) for name in members if not _points_outside(name)}
    shared = _shared_start(list(folders.values()))
    flat = all(len(parts) == shared for parts in folders.values())
    for name in members:
        below = folders.get(name, ())[shared:]
        genre = archive.stem if flat or name not in folders else below[0] if below else ""
        yield Entry(f"{archive}!{name}" if name else str(archive), genre.strip())


def _shared_start(folders: list[tuple[str, ...]]) -> int:
    """How many leading parts all folders have in common."""
    if not folders:
        return 0
    pairs = zip(min(folders), max(folders), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _members(archive: str) -> list[str]:
    """The names of the files in a zip; none where it is broken or a bomb (`read_bytes` says which)."""
    try:
        zipped, _ = _open_zip(archive)
    except PictureError:
        return []
    names = (info.filename for info in zipped.infolist() if not info.is_dir())
    return [name for name in names if not any(map(_LITTER.match, _parts(name)))]


def _parts(name: str) -> list[str]:
    """The parts of a member's name, `..` left standing."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]


def _points_outside(name: str) -> bool:
    """Whether unpacking a member of this name could write beside the archive's folder ("zip slip")."""
    absolute = name.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", name)
    return bool(absolute) or ".." in re.split(r"[/\\]", name)


def _read_member(archive: str, member: str) -> bytes:
    if _points_outside(member):
        raise PictureError("its name points outside the archive")
    zipped, lock = _open_zip(archive)
    try:
        info = zipped.getinfo(member)
    except KeyError as error:
        raise PictureError("no such member in the archive") from error
    if info.flag_bits & 0x1:
        raise PictureError("encrypted in its archive")
    if info.file_size > MAX_BYTES:
        raise PictureError(f"too large: more than {MAX_BYTES // 2**20} MiB unpacked")
    try:
        with lock:
            return zipped.read(info)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise PictureError(f"broken archive member: {error}") from error


def _split(path: str) -> tuple[str, str]:
    """(archive, member), or (path, "") for a plain file; `!` may stand in any name."""
    for match in _ZIP_MEMBER.finditer(path):
        archive = path[: match.end() - 1]
        if os.path.isfile(archive):  # noqa: PTH113 - a Path would cost more than the test, once a cover
            return archive, path[match.end() :]
    return path, ""


def _open_zip(archive: str) -> tuple[zipfile.ZipFile, threading.Lock]:
    try:
        status = os.stat(archive)  # noqa: PTH116 - as above
        # A forked worker must not share a file position with its parent: the process is part of the key.
        return _open_zip_cached(archive, status.st_mtime_ns, status.st_size, os.getpid())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise (
            error if isinstance(error, PictureError) else PictureError(f"broken archive: {error}")
        ) from error


@functools.lru_cache(maxsize=32)
def _open_zip_cached(
    archive: str, changed: int, size: int, process: int
) -> tuple[zipfile.ZipFile, threading.Lock]:
    zipped = zipfile.ZipFile(archive)
    unpacked = sum(info.file_size for info in zipped.infolist())
    if unpacked > _BOMB_BYTES and unpacked > _BOMB_RATIO * size:
        zipped.close()
        raise PictureError(f"zip bomb: {size:,} bytes that unpack to {unpacked:,}")
    return zipped, threading.Lock()


# --- manifests -----------------------------------------------------------------------------------------


def _manifest_entries(manifest: Path) -> Iterator[Entry]:
    frame = _read_manifest(manifest)
    for column in ("path", "genre"):
        if column not in frame.columns:
            hint = nearest(column, map(str, frame.columns))
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
        yield Entry(str(manifest.parent / path), genre, artist, group)


def _read_manifest(manifest: Path) -> pd.DataFrame:
    """All columns as text without outer blanks; not there = empty."""
    try:
        if manifest.suffix.lower() == ".parquet":
            frame = pd.read_parquet(manifest)
            frame = frame.astype(object).where(frame.notna(), "")
        else:
            # "NA" and "None" are words here; utf-8-sig also reads what Excel saves.
            frame = pd.read_csv(manifest, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"{manifest} cannot be read as a manifest: {error}") from error
    frame.columns = [str(name).strip() for name in frame.columns]
    known = [name for name in ("path", "genre", "artist", "group") if name in frame.columns]
    if len(known) < 2:
        return frame
    return frame[known].map(lambda value: str(value).strip())
