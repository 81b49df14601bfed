"""Front and back of a release: two rows of a manifest that are one item.

A manifest says so by its columns `release` and `side`. An item is called by its front, or by its back where
there is no front.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import pandas as pd

from coverfusion.data.addresses import Place
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.manifest import RELEASE_COLUMN, SIDE_COLUMN, columns_of
from coverfusion.data.plurals import how_many

Sides = Literal["separate", "fused"]
FRONT, BACK = "front", "back"
BACK_COLUMNS = ["back", "back_path"]  # of a collection whose sides are fused; "" where there is no back


class Side(NamedTuple):
    """Which picture of which release a row is.

    Attributes:
        release: its name; "" where it is not known, and the picture is an item of its own.
        side: "front" or "back".
    """

    release: str = ""
    side: str = FRONT


class Item(NamedTuple):
    """The paths of an item's pictures; "" where one is missing."""

    front: str
    back: str

    @property
    def path(self) -> str:
        """What the item is called by."""
        return self.front or self.back


def sides_of_manifest(manifest: Place) -> list[Side] | None:
    """The side of each row as it is written, or None where the manifest does not tell sides.

    Raises:
        UserError: the file cannot be read as a manifest.
    """
    columns = columns_of(manifest, (RELEASE_COLUMN, SIDE_COLUMN))
    if not {RELEASE_COLUMN, SIDE_COLUMN} <= set(columns):
        return None
    releases, written = columns[RELEASE_COLUMN], columns[SIDE_COLUMN]
    return [Side(r.strip(), s.strip().lower() or FRONT) for r, s in zip(releases, written, strict=True)]


def check_sides(manifest: Place, rows: Sequence[Side], paths: Sequence[str]) -> None:
    """Checks the sides of a manifest's n rows and n paths.

    Raises:
        UserError: a side is neither front nor back, or a release has two pictures of one side.
    """
    first: dict[Side, int] = {}
    for number, (row, path) in enumerate(zip(rows, paths, strict=True)):
        if row.side not in (FRONT, BACK):
            hint = did_you_mean(row.side, [FRONT, BACK])
            raise UserError(f"{manifest}, row {number + 1}: the side '{row.side}' is no front or back.{hint}")
        before = first.setdefault(row, number)
        if row.release and paths[before] != path:
            raise UserError(
                f"{manifest}, rows {before + 1} and {number + 1}: release {row.release} has two {row.side}s. "
                f"Leave one out, or give it a release of its own."
            )


def check_genres(manifest: Place, rows: Sequence[Side], genres: Sequence[str]) -> None:
    """Raises UserError where a back stands under a genre that its front does not have."""
    fronts: dict[str, set[str]] = {}
    for row, genre in zip(rows, genres, strict=True):
        if row.release and row.side == FRONT:
            fronts.setdefault(row.release, set()).add(genre)
    for number, (row, genre) in enumerate(zip(rows, genres, strict=True), 1):
        if genre not in fronts.get(row.release, {genre}):
            raise UserError(
                f"{manifest}, row {number}: the back of release {row.release} has the genre '{genre}', and "
                f"its front has not. Both sides need the same."
            )


def items_of(paths: Iterable[str], rows: Iterable[Side]) -> list[Item]:
    """One item a release, and one a picture without a release, in the order of first appearance."""
    items: dict[object, Item] = {}
    for number, (path, row) in enumerate(zip(paths, rows, strict=True)):
        key = row.release or number
        items[key] = items.get(key, Item("", ""))._replace(**{row.side: path})
    return list(items.values())


def fuse(pictures: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Makes items of pictures.

    Args:
        pictures: with `cover_id`, `path`, `release` and `side`.

    Returns:
        The items, which are the rows of fronts and of backs without a front, with `BACK_COLUMNS` (a back
        without a front is its own); and the rows of the other backs. A back with the bytes of its front is
        no back.
    """
    is_back = pictures["side"] == BACK
    fronts = set(pictures.loc[~is_back, "release"]) - {""}
    behind = is_back & pictures["release"].isin(fronts)
    backs = pictures[behind].drop_duplicates("release").set_index("release")
    items = pictures[~behind].copy()
    is_alone = items["side"] == BACK
    for column, of in zip(BACK_COLUMNS, ("cover_id", "path"), strict=True):
        theirs = backs[of].to_dict()
        found = items["release"].map(lambda release, theirs=theirs: theirs.get(release, "")).astype(object)
        items[column] = found.mask(is_alone, items[of])
    items.loc[~is_alone & (items["back"] == items["cover_id"]), BACK_COLUMNS] = ""
    return items.reset_index(drop=True), pictures[behind]


def sides_in_words(covers: pd.DataFrame) -> str:
    """How many albums and pictures a collection's rows are; "" where each picture is a cover."""
    if BACK_COLUMNS[0] not in covers:
        return ""
    albums = covers.drop_duplicates("path")
    fronts = int((albums["back_path"] != albums["path"]).sum())
    backs = int((albums["back_path"] != "").sum())
    return (
        f"Front and back of an album are one item: {how_many(len(albums), 'album')} of "
        f"{how_many(fronts + backs, 'picture')}, {how_many(fronts, 'front')} and {how_many(backs, 'back')}."
    )


def every_picture(covers: pd.DataFrame) -> pd.DataFrame:
    """`cover_id` and `path` of all pictures of a collection's rows: of backs too, where sides are fused."""
    pictures = covers[["cover_id", "path"]]
    if BACK_COLUMNS[0] not in covers:
        return pictures
    backs = covers.loc[covers["back"] != "", BACK_COLUMNS].set_axis(["cover_id", "path"], axis=1)
    return pd.concat([pictures, backs]).drop_duplicates("cover_id", ignore_index=True)
