"""What became of every cover that was asked for: a journal that a kill cannot harm, and two tables from it.

`journal.jsonl` gets one line a cover as soon as the cover is decided; `manifest.csv` (a collection for
`data.sources`) and `rejected.csv` are written from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from coverfusion.data.csv_files import as_text
from coverfusion.data.errors import UserError
from coverfusion.data.growing.musicbrainz import NO_ONES_ARTIST_IDS, Release

LICENCE = (
    "picture: its rights holders', from the Cover Art Archive, not free to pass on; "
    "release data: MusicBrainz, CC0; tags: MusicBrainz, CC BY-NC-SA 3.0"
)
MANIFEST_COLUMNS = [
    *("path", "genre", "artist", "group", "release_id", "release_group_id", "title", "date", "side"),
    *("size", "url", "licence"),
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
        with (self.folder / "journal.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(_line(decision))
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
            asdict(d.release) | asdict(d) | {"group": group, "licence": LICENCE}
            for d, group in zip(kept, groups, strict=True)
        ]
        rejected = [asdict(d.release) | asdict(d) for d in self.decisions if not d.path]
        _write(pd.DataFrame(manifest, columns=MANIFEST_COLUMNS), self.folder / "manifest.csv")
        _write(pd.DataFrame(rejected, columns=REJECTED_COLUMNS), self.folder / "rejected.csv")

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
    for partial in folder.glob("covers/*/.*.partial"):
        partial.unlink()
    journal = Journal(folder)
    path = folder / "journal.jsonl"
    for decision in _read(path):
        if decision.path and decision.size != size:
            raise UserError(
                f"size: {folder} holds covers of size {decision.size}; {size} beside them would "
                f"let a model tell genres by the size. Use --size {decision.size} or another --out."
            )
        stands = (folder / decision.path).is_file() if decision.path else not (retry or decision.asked_again)
        if stands:
            journal._take(decision)
    _replace(path, "".join(map(_line, journal.decisions)))
    return journal


def groups_of(releases: Sequence[Release]) -> list[str]:
    """A name for the group of each release: those that share an artist or an album, also through others.

    An artist who is credited alone here and together with someone there ties all of it into one group.

    Args:
        releases: n of them.

    Returns:
        n names, the least release group id in the group.
    """
    keys = [(row, key) for row, release in enumerate(releases) for key in _keys(release)]
    if not keys:
        return []
    rows, names = zip(*keys, strict=True)
    codes = pd.factorize(np.array(names))[0]
    size = len(releases) + codes.max() + 1
    edges = coo_matrix((np.ones(len(rows), np.int8), (rows, len(releases) + codes)), shape=(size, size))
    group = connected_components(edges, directed=False)[1][: len(releases)]
    albums = pd.Series([release.release_group_id for release in releases])
    return list(albums.groupby(group).transform("min"))


def _keys(release: Release) -> set[str]:
    return {release.release_group_id, *release.artist_ids} - NO_ONES_ARTIST_IDS


def _read(path: Path) -> list[GrowDecision]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    try:
        # a killed run may leave half a line behind the last line's end
        return [_decision(json.loads(line)) for line in lines[:-1] if line]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: {error}. Mend the line or grow into another --out.") from error


def _decision(row: dict[str, Any]) -> GrowDecision:
    release = row["release"] | {"artist_ids": tuple(row["release"]["artist_ids"])}
    return GrowDecision(**row | {"release": Release(**release)})


def _line(decision: GrowDecision) -> str:
    return json.dumps(asdict(decision), ensure_ascii=False) + "\n"


def _write(frame: pd.DataFrame, path: Path) -> None:
    _replace(path, as_text(frame).to_csv(index=False))


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8", newline="")
    partial.replace(path)
