"""What columns are called in short, and which of them are angles: those have no larger and smaller."""

from __future__ import annotations

import re

import numpy as np

# block.column -> once around, in its unit
CIRCULAR_COLUMNS = {"color.hue_mean": 360.0}
# where a column's description goes on to its details; "log10 of (1 + ..." does not
DETAILS_START = re.compile(r"; |: | \((?!1 \+)|, ")
# "0 (the top edge) to 1 (the bottom edge)", of values that are no amounts
OPPOSITE_ENDS = re.compile(r"-?[\d.]+ \(([^)]+)\) to -?[\d.]+ \(([^)]+)\)")

# "missing without any face": what must be on a cover for a value
MISSING_WITHOUT = re.compile(r"missing without (any )?([^;,()]+)")

# "vertical lines: proportion of ...": there can be more of them, and not of an area or a weight
COUNTABLE = re.compile(r"(?!area of |weight of )[^:]+: proportion ")


def short_meaning(description: str) -> str:
    """A column's name: its description without unit, range and other details, such as "diagonal lines".

    It stands before the colon. Of a description without one, as plug-ins may have, it is the first part.
    """
    name, colon, _ = description.partition(": ")
    return name if colon and "; " not in name else DETAILS_START.split(description)[0]


def opposite_ends(description: str) -> tuple[str, str] | None:
    """What the lowest and the highest value are, where values lie between opposites, as places do.

    "Higher" would mislead there: text with a higher value from top to bottom stands lower. None of amounts.
    """
    found = OPPOSITE_ENDS.search(description)
    return (found[1], found[2]) if found else None


def needed_for(description: str) -> str:
    """What a cover must have for a value, such as "a face" or "text"; "a value" where none is named."""
    found = MISSING_WITHOUT.search(description)
    return f"{'a ' if found[1] else ''}{found[2]}" if found else "a value"


def said_of(description: str, more: bool) -> str:
    """How larger values, or smaller ones, are told.

    "higher" and "lower" of amounts, "more" and "fewer" of what has a number, as vertical lines, and "closer
    to the bottom edge" of what lies between opposites.
    """
    ends = opposite_ends(description)
    if ends is not None:
        return f"closer to {ends[more]}"
    if COUNTABLE.match(description):
        return "more" if more else "less" if description.startswith("text") else "fewer"
    return "higher" if more else "lower"


def quartiles_of(column: str, values: np.ndarray) -> tuple[float, float, float] | None:
    """Lower quartile, median and upper quartile of (n,) values; None where none is known.

    Of an angle they are counted from its circular mean, so that 350 and 10 degrees lie around 0. The lower
    one may then be the larger number: from 350 up to 10 degrees.

    Args:
        column: `block.column`.
        values: NaN is left out.
    """
    known = values[~np.isnan(values)].astype(float)
    if not len(known):
        return None
    around = CIRCULAR_COLUMNS.get(column)
    if around is None:
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        return float(low), float(middle), float(high)
    turn = 2 * np.pi / around
    mean = np.arctan2(np.sin(turn * known).mean(), np.cos(turn * known).mean()) / turn
    away = (known - mean + around / 2) % around - around / 2
    low, middle, high = (mean + np.quantile(away, [0.25, 0.5, 0.75])) % around
    return float(low), float(middle), float(high)
