"""Covers of several genres: one row a cover, its genres in the column `genres`, joined in `genre`.

A frame of covers with one genre each has no column `genres`. What counts genres, or cuts covers by them, asks
here, so that both kinds go one way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError

Labels = Literal["one", "many"]  # genres of a cover
SEPARATOR = "|"  # between the genres of a cover, in every table of results
GENRES_COLUMN = "genres"  # (n,) tuples of names, sorted
_FOUND = ("|", ";")  # looked for in a manifest; a comma stands in the names of genres


def joined(genres: Iterable[str]) -> str:
    """The genres of a cover as one text, sorted by name."""
    return SEPARATOR.join(sorted(set(genres)))


def apart(genre: str) -> list[str]:
    """The genres that `joined` put together."""
    return genre.split(SEPARATOR) if genre else []


def has_sets(covers: pd.DataFrame) -> bool:
    """Whether these are covers that may have several genres."""
    return GENRES_COLUMN in covers


def genre_names(covers: pd.DataFrame) -> list[str]:
    """The genres of a frame of covers, sorted by name."""
    if not has_sets(covers):
        return sorted(covers["genre"].unique())
    return sorted({genre for genres in covers[GENRES_COLUMN] for genre in genres})


def each_genre(covers: pd.DataFrame) -> pd.DataFrame:
    """One row a cover and genre, the genre alone in `genre`; the same frame where each has one."""
    if not has_sets(covers):
        return covers
    return covers.assign(genre=covers[GENRES_COLUMN]).explode("genre").drop(columns=GENRES_COLUMN)


def indicator(genres: Iterable[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    """(n, k) bool: which of k genres each of n covers has."""
    place = {name: column for column, name in enumerate(names)}
    listed = list(genres)
    made = np.zeros((len(listed), len(names)), bool)
    for row, own in enumerate(listed):
        made[row, [place[genre] for genre in own]] = True
    return made


def labels_of(covers: pd.DataFrame) -> pd.Series | pd.DataFrame:
    """What a classifier learns and a split is stratified by, indexed as the frame.

    Returns:
        (n,) genres; of covers that may have several an (n, k) bool frame, a column a genre.
    """
    if not has_sets(covers):
        return covers["genre"]
    names = genre_names(covers)
    return pd.DataFrame(indicator(covers[GENRES_COLUMN], names), index=covers.index, columns=names)


def with_sets(covers: pd.DataFrame, genres: pd.Series) -> pd.DataFrame:
    """The covers with their genres in both columns.

    Args:
        covers: a row each.
        genres: names of each, indexed as the frame.
    """
    own = genres.map(lambda names: tuple(sorted(set(names))))
    return covers.assign(genre=own.map(SEPARATOR.join), **{GENRES_COLUMN: own})


def found_separator(cells: Iterable[str]) -> str | None:
    """What parts several genres in the cells of a table: `|` or `;`, whichever stands in more of them."""
    counts = Counter(mark for cell in cells for mark in _FOUND if mark in cell)
    return max(_FOUND, key=lambda mark: counts[mark]) if counts else None


def seems_several(names: Iterable[str]) -> str | None:
    """The first name that looks like several genres in one: a part of it is a genre, or part of another."""
    known = sorted(set(names))
    mark = found_separator(known)
    parts = {name: parted(name, mark) for name in known}
    counts = Counter(part for own in parts.values() for part in set(own))
    several = (name for name, own in parts.items() if len(own) > 1 and any(counts[one] > 1 for one in own))
    return next(several, None)


def parted(cell: str, separator: str | None) -> list[str]:
    """The genres in one cell, without blanks around them."""
    parts = cell.split(separator) if separator else [cell]
    return [part.strip() for part in parts if part.strip()]


def check_names(names: Iterable[str], source: object) -> None:
    """Raises UserError for a genre whose name holds the separator of results."""
    for name in names:
        if SEPARATOR in name:
            raise UserError(
                f"{source}: the genre '{name}' holds '{SEPARATOR}', which parts the genres of a cover here. "
                f"Name the separator of your table, or rename the genre."
            )
