"""The tables of a collection that was grown by ids: what was kept, what was not, and how many."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from coverfusion.data.growing.files import write_table
from coverfusion.data.growing.groups import groups_of
from coverfusion.data.growing.ids import WantedRelease
from coverfusion.data.growing.records import STATUSES, Records
from coverfusion.data.growing.release import Release, release_cells
from coverfusion.data.growing.source import Source

MANIFEST_COLUMNS = [
    *("path", "genre", "genres", "artist", "group", "release", "side", "title", "year", "country", "label"),
    *("asked_for", "licence"),
]
REJECTED_COLUMNS = ["id", "side", "genre", "artist", "title", "url", "status", "reason"]


def write_tables(
    records: Records, wanted: Sequence[WantedRelease], source: Source, sides: tuple[str, ...]
) -> None:
    """Writes `manifest.csv` and `rejected.csv`; a picture that was never asked for is in neither."""
    kept: list[dict[str, object]] = []
    releases: list[Release] = []
    rejected: list[dict[str, object]] = []
    for one in wanted:
        record = records.of.get(one.release_id)
        release = record.release if record else None
        cells = release_cells(release) if release else {}
        genre = one.genre or (release.genres[0] if release and release.genres else "")
        for side in sides:
            picture = records.picture(one.release_id, side)
            if picture is None:
                continue
            row = cells | {"id": one.release_id, "asked_for": one.release_id, "side": side, "genre": genre}
            if picture.status == "ok" and release is not None and genre:
                row |= {"path": picture.path, "release": release.release_id, "licence": source.licence}
                kept.append(row | {"genres": cells["genres"] or genre})
                releases.append(release)
            else:
                reason = picture.reason or f"no genre, neither given nor at {source.title}"
                rejected.append(row | {"url": picture.url, "status": picture.status, "reason": reason})
    for row, group in zip(kept, groups_of(releases), strict=True):
        row["group"] = group
    write_table(pd.DataFrame(kept, columns=MANIFEST_COLUMNS), records.folder / "manifest.csv")
    write_table(pd.DataFrame(rejected, columns=REJECTED_COLUMNS), records.folder / "rejected.csv")


def status_counts(records: Records, ids: Sequence[str], sides: Sequence[str]) -> pd.DataFrame:
    """One row a side: `side`, then the number of pictures of each status."""
    found = {side: [records.picture(one, side) for one in ids] for side in sides}
    rows = [
        {"side": side}
        | {status: sum(p is not None and p.status == status for p in pictures) for status in STATUSES}
        for side, pictures in found.items()
    ]
    return pd.DataFrame(rows)
