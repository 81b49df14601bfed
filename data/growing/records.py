"""What became of every release that was asked for by its id: a journal that a kill cannot harm.

`journal.jsonl` begins with the source and the size, then has one line a release. A later line of a release
takes the place of an earlier one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from coverfusion.data.errors import UserError
from coverfusion.data.growing.files import append_line, forget_halves, json_line, read_lines, replace_text
from coverfusion.data.growing.release import Release, release_of
from coverfusion.data.growing.source import Source

# ok: the picture is there. gone: the release or the picture is no longer there. none: the release has no such
# picture. bad: what came cannot be used. open: no reply, so the next run asks again.
STATUSES = ("ok", "gone", "none", "bad", "open")


@dataclass(frozen=True)
class Picture:
    """One side of a release.

    Attributes:
        status: of `STATUSES`.
        url: where it was asked for, or "".
        path: of the file, relative to the collection, or "".
        sha256: of the file, 64 hex digits, or "".
        bytes: length of the file.
        reason: why there is no file, or "".
    """

    status: str
    url: str = ""
    path: str = ""
    sha256: str = ""
    bytes: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Record:
    """One release as it was asked for.

    Attributes:
        id: that was asked for.
        release: what the source says, or None where it says nothing.
        pictures: side -> what became of it, for the sides that were asked for.
    """

    id: str
    release: Release | None
    pictures: Mapping[str, Picture]


@dataclass
class Records:
    """The records of a collection, on disk and in memory; made by `open_records`."""

    folder: Path
    of: dict[str, Record] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Writes a record down; its files must lie there already."""
        append_line(self.folder / "journal.jsonl", asdict(record))
        self.of[record.id] = record

    def picture(self, release_id: str, side: str) -> Picture | None:
        """What became of a side, or None where it was never asked for."""
        record = self.of.get(release_id)
        return record.pictures.get(side) if record else None

    def missing(self, release_id: str, sides: tuple[str, ...]) -> list[str]:
        """The sides that are still to be asked for."""
        found = {side: self.picture(release_id, side) for side in sides}
        return [side for side, picture in found.items() if picture is None or picture.status == "open"]


def check_source(folder: Path, source: Source) -> None:
    """Refuses a folder that holds another kind of collection; makes nothing.

    Raises:
        UserError: it was grown by genre, from another source or in another size.
    """
    path = folder / "journal.jsonl"
    lines = read_lines(path, dict) if path.exists() else []
    if not lines or lines[0] == _head(source):
        return
    held = lines[0].get("source")
    what = f"releases of {held}, size {lines[0].get('size')}" if held else "a collection grown by --genre"
    raise UserError(f"{folder} holds {what}. Grow what is asked for now into another --out.")


def open_records(folder: Path, source: Source, retry: bool = False) -> Records:
    """The records of a collection, begun or gone on with.

    Pictures whose file is gone or altered are forgotten, so they are asked for again.

    Args:
        folder: made if it is not there.
        source: where the releases are from.
        retry: forget what could not be had, too.

    Raises:
        UserError: the journal is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    forget_halves(folder)
    path = folder / "journal.jsonl"
    records = Records(folder)
    for record in read_lines(path, _record)[1:]:
        if record is not None:
            records.of[record.id] = record
    for release_id, record in records.of.items():
        kept = {side: p for side, p in record.pictures.items() if _stands(folder, p, retry)}
        records.of[release_id] = replace(record, pictures=kept)
    lines = [_head(source), *(asdict(record) for record in records.of.values())]
    replace_text(path, "".join(map(json_line, lines)))
    return records


def _head(source: Source) -> dict[str, str]:
    return {"source": source.name, "size": source.size}


def _record(row: dict[str, Any]) -> Record | None:
    """None for the first line."""
    if "source" in row:
        return None
    release = None if row["release"] is None else release_of(row["release"])
    return Record(row["id"], release, {side: Picture(**cells) for side, cells in row["pictures"].items()})


def _stands(folder: Path, picture: Picture, retry: bool) -> bool:
    if picture.status != "ok":
        return not retry
    file = folder / picture.path
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == picture.sha256
