"""Where half of a genre's training covers lie, of columns that the index of covers does not hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from coverfusion.data.genre_sets import each_genre
from coverfusion.features.descriptions import quartiles_of
from coverfusion.fusion.bundle import Bundle

RANGES = "ranges"  # what a bundle's `extra` calls them
Quartiles = tuple[float, float, float]


def ranges_by_genre(
    rows: pd.DataFrame, covers: pd.DataFrame, columns: Iterable[str]
) -> dict[str, dict[str, list[float]]]:
    """Genre -> column -> lower quartile, median and upper quartile, as `quartiles_of` gives them.

    Args:
        rows: the features of n covers by cover_id, columns `block.column`.
        covers: the same covers, with `genre` (and `genres`) in the same order.
        columns: numbers; one without a value in a genre is left out there.
    """
    single = each_genre(covers.assign(cover_id=rows.index))
    made: dict[str, dict[str, list[float]]] = {}
    for genre, own in single.groupby("genre"):
        part = rows.loc[own["cover_id"]]
        found = {name: quartiles_of(name, part[name].to_numpy()) for name in columns}
        made[str(genre)] = {name: list(ends) for name, ends in found.items() if ends is not None}
    return made


def kept_ranges(bundle: Bundle, genre: Any) -> dict[str, Quartiles]:
    """Column -> its quartiles over a genre's training covers; empty of bundles that keep none."""
    kept = bundle.extra.get(RANGES, {}).get(str(genre), {})
    return {name: (low, middle, high) for name, (low, middle, high) in kept.items()}
