"""Zips of covers: what their members are called, which genre each has, and reading one safely."""

from __future__ import annotations

import itertools
import re
import threading
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import BinaryIO

from coverfusion.data.machine_faults import stop_where_nothing_can_be_read
from coverfusion.data.names import label
from coverfusion.data.picture_errors import PictureError
from coverfusion.data.zip_names import named_members

# One file, or one member unpacked; a 4,700 x 4,700 TIFF without compression still fits.
MAX_FILE_BYTES = 64 * 2**20
# What a zip may list: Python holds about 600 bytes an entry.
MAX_ENTRIES, MAX_DIRECTORY_BYTES = 250_000, 32 * 2**20
_ENTRY, _MEMBER = b"PK\x01\x02", b"PK\x03\x04"
# Reading these stops at a given size; other ways of packing unpack without bound.
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# An archive is a bomb above both: no collection of pictures packs 200 to 1.
BOMB_BYTES, BOMB_RATIO = 2**30, 200
# `Rock.zip!Rock/a.jpg` is a member; `!` may stand in any name.
ZIP_MEMBER = re.compile(r"\.zip!", re.IGNORECASE)
# What systems leave behind in folders and archives; nobody means it as a cover.
_LITTER = re.compile(r"^(\..*|__MACOSX|Thumbs\.db|desktop\.ini)$", re.IGNORECASE)


@dataclass(frozen=True)
class Archive:
    """An open zip with its members by name.

    Its lock is held while a member is read, for all threads share one file position.
    """

    zipped: zipfile.ZipFile
    members: Mapping[str, zipfile.ZipInfo]
    lock: threading.Lock


def open_archive(source: str | BinaryIO, size: int) -> Archive:
    """Opens a zip of so many bytes.

    Raises:
        PictureError: it is a bomb, or has too many entries.
        zipfile.BadZipFile, OSError, ValueError, NotImplementedError: it is broken or not there.
    """
    _check_entries(source)
    zipped = zipfile.ZipFile(source)
    unpacked = sum(info.file_size for info in zipped.infolist())
    if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * size:
        zipped.close()
        raise PictureError(f"zip bomb: {size:,} bytes that unpack to {unpacked:,}")
    return Archive(zipped, named_members(zipped.infolist()), threading.Lock())


def read_member(archive: Archive, member: str) -> bytes:
    """The bytes of one member; may be called from many threads.

    Raises:
        PictureError: its name points outside the archive, it is not there, too large, encrypted, packed in a
            rare way, broken, or a zip itself.
    """
    if points_outside(member):
        raise PictureError("its name points outside the archive")
    try:
        info = archive.members[member]
    except KeyError as error:
        raise PictureError("no such member in the archive") from error
    if info.flag_bits & 0x1:
        raise PictureError("encrypted in its archive")
    if info.file_size > MAX_FILE_BYTES:
        raise PictureError(f"too large: more than {MAX_FILE_BYTES // 2**20} MiB unpacked")
    if info.compress_type not in _PACKED:
        raise PictureError("packed in a way that is not read: pack it again with deflate")
    try:
        with archive.lock, archive.zipped.open(info) as stream:
            # with a size, for else a member is unpacked whole, whatever the directory says of it
            content = stream.read(info.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        stop_where_nothing_can_be_read(error, f"{archive.zipped.filename}!{member}")
        raise PictureError(f"broken archive member: {error}") from error
    if len(content) < info.file_size:
        raise PictureError("broken archive member: it ends too early")
    if content.startswith(_MEMBER):
        raise PictureError("a zip inside a zip: unpack it")
    return content


def _check_entries(source: str | BinaryIO) -> None:
    """Raises PictureError where a zip lists more than this package reads; before anything is made of it."""
    with open(source, "rb") if isinstance(source, str) else nullcontext(source) as stream:  # noqa: PTH123
        found = zipfile._EndRecData(stream)  # type: ignore[attr-defined]  # as `ZipFile` finds its directory
        if not found:
            return  # `ZipFile` says what is wrong
        size, end = int(found[zipfile._ECD_SIZE]), int(found[zipfile._ECD_LOCATION])  # type: ignore[attr-defined]
        if found[0] == zipfile.stringEndArchive64:  # type: ignore[attr-defined]
            end -= 76  # the two records of zip64 lie between
        entries = 0
        if size <= MAX_DIRECTORY_BYTES and end >= size:
            stream.seek(end - size)
            entries = stream.read(size).count(_ENTRY)
            stream.seek(0)
    if size > MAX_DIRECTORY_BYTES or entries > MAX_ENTRIES:
        raise PictureError(f"too large: a zip of more than {MAX_ENTRIES:,} entries; split it, or unpack it")


def member_names(archive: Archive) -> list[str]:
    """The names of its files, in its order, without litter."""
    names = (name for name, info in archive.members.items() if not info.is_dir())
    return [name for name in names if not any(map(is_litter, _parts(name)))]


def member_genres(names: Sequence[str], stem: str) -> list[str]:
    """A genre for each member: its first folder below those that all members share, else the zip's stem.

    Empty for a member that lies beside the genre folders.
    """
    folders = {name: tuple(_parts(name)[:-1]) for name in names if not points_outside(name)}
    shared = _shared_start(list(folders.values()))
    flat = all(len(parts) == shared for parts in folders.values())

    def genre(name: str) -> str:
        if flat or name not in folders:
            return stem
        below = folders[name][shared:]
        return below[0] if below else ""

    return [label(genre(name)) for name in names]


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name is something that a system has left behind."""
    return _LITTER.match(name) is not None


def points_outside(name: str) -> bool:
    """Whether unpacking a member of this name could write beside the archive's folder ("zip slip")."""
    absolute = name.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", name)
    return bool(absolute) or ".." in re.split(r"[/\\]", name)


def _parts(name: str) -> list[str]:
    """The parts of a member's name without those that lead nowhere."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]


def _shared_start(folders: list[tuple[str, ...]]) -> int:
    """How many leading parts all folders have in common."""
    if not folders:
        return 0
    pairs = zip(min(folders), max(folders), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
