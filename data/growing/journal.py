"""What became of every cover that was asked for: a journal that a kill cannot harm, and two tables from it.

`journal.jsonl` gets one line a cover as soon as the cover is decided; `manifest.csv` (a collection for
`data.sources`) and `rejected.csv` are written from it.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.growing.files import (
    append_line,
    forget_halves,
    json_line,
    read_lines,
    replace_text,
    write_table,
)
from coverfusion.data.growing.groups import groups_of
from coverfusion.data.growing.release import Release, release_cells, release_of

LICENCE = (
    "picture: its rights holders', from the Cover Art Archive, not free to pass on; "
    "release data: MusicBrainz, CC0; tags: MusicBrainz, CC BY-NC-SA 3.0"
)
MANIFEST_COLUMNS = [
    *("path", "genre", "artist", "group", "release", "side", "title", "year", "country", "label"),
    *("release_group_id", "date", "size", "url", "licence"),
]
REJECTED_COLUMNS = [
    *("genre", "artist", "title", "release_id", "release_group_id", "side", "url", "reason", "asked_again"),
]
_DECISIONS_PER_WRITE = 200


@dataclass(frozen=True)
class GrowDecision:
    """One cover, kept or not.

    Attributes:
        genre: the tag that was asked for.
        release: whose cover.
        side: "front" or "back".
        size: of `data.growing.cover_art.COVER_SIZES`.
        url: where it was asked for.
        path: of the kept file, relative to the collection; "" where it was not kept.
        cover_id: sha256 of the kept file's bytes, or "".
        reason: why it was not kept, or "".
        asked_again: the next run asks for it again, as the archive gave no answer.
    """

    genre: str
    release: Release
    side: str
    size: str
    url: str
    path: str = ""
    cover_id: str = ""
    reason: str = ""
    asked_again: bool = False


@dataclass
class Journal:
    """All decisions of one collection, on disk and looked up in memory; made by `open_journal`.

    Attributes:
        folder: of the collection.
        decisions: in the order they were made.
        genre_of: release group id -> genre of its kept front.
        path_of: sha256 -> path of the kept file with these bytes.
        asked: (release id, side) of every cover that is decided.
        listed: (genre, release id) of every decision.
    """

    folder: Path
    decisions: list[GrowDecision] = field(default_factory=list)
    genre_of: dict[str, str] = field(default_factory=dict)
    path_of: dict[str, str] = field(default_factory=dict)
    asked: set[tuple[str, str]] = field(default_factory=set)
    listed: set[tuple[str, str]] = field(default_factory=set)

    def add(self, decision: GrowDecision) -> None:
        """Writes a decision down; the file it names must lie there already."""
        append_line(self.folder / "journal.jsonl", asdict(decision))
        self._take(decision)
        if len(self.decisions) % _DECISIONS_PER_WRITE == 0:
            self.write_tables()

    def fronts(self, genre: str) -> list[GrowDecision]:
        """The kept fronts of a genre."""
        return [d for d in self.decisions if d.path and d.genre == genre and d.side == "front"]

    def write_tables(self) -> None:
        """Writes `manifest.csv` and `rejected.csv`, each whole or not at all."""
        kept = [d for d in self.decisions if d.path]
        groups = groups_of([d.release for d in kept])
        manifest = [
            {**release_cells(d.release), **asdict(d), "release": d.release.release_id}
            | {"group": group, "licence": LICENCE}
            for d, group in zip(kept, groups, strict=True)
        ]
        rejected = [asdict(d.release) | asdict(d) for d in self.decisions if not d.path]
        write_table(pd.DataFrame(manifest, columns=MANIFEST_COLUMNS), self.folder / "manifest.csv")
        write_table(pd.DataFrame(rejected, columns=REJECTED_COLUMNS), self.folder / "rejected.csv")

    def _take(self, decision: GrowDecision) -> None:
        self.decisions.append(decision)
        self.asked.add((decision.release.release_id, decision.side))
        self.listed.add((decision.genre, decision.release.release_id))
        if decision.path:
            self.path_of[decision.cover_id] = decision.path
            if decision.side == "front":
                self.genre_of[decision.release.release_group_id] = decision.genre


def open_journal(folder: str | os.PathLike[str], size: str, retry: bool = False) -> Journal:
    """The journal of a collection, begun or gone on with.

    Half a last line and kept covers whose file is gone are forgotten, so they are asked for again.

    Args:
        folder: made if it is not there.
        size: of all covers; sizes that differ by genre would give the genre away.
        retry: forget what was rejected, too.

    Raises:
        UserError: the collection was grown in another size.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    forget_halves(folder)
    journal = Journal(folder)
    path = folder / "journal.jsonl"
    for decision in read_lines(path, _decision):
        if decision.path and decision.size != size:
            raise UserError(
                f"size: {folder} holds covers of size {decision.size}; {size} beside them would "
                f"let a model tell genres by the size. Use --size {decision.size} or another --out."
            )
        stands = (folder / decision.path).is_file() if decision.path else not (retry or decision.asked_again)
        if stands:
            journal._take(decision)
    replace_text(path, "".join(json_line(asdict(decision)) for decision in journal.decisions))
    return journal


def _decision(row: dict[str, Any]) -> GrowDecision:
    if "source" in row:
        raise UserError("out: this collection was grown by --ids. Grow by --genre into another --out.")
    return GrowDecision(**row | {"release": release_of(row["release"])})
