"""How a few readable features are spread over a genre's covers, beside all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

HISTOGRAM_BINS = 20
LAST_COUNT = 5  # of a count: the last bar holds this many and more
AXIS_QUANTILE = 0.99  # of all covers lie on the axis; the last bar holds those beyond it

# column -> what the page calls it, and whether it counts things
SHOWN_COLUMNS = {
    "color.brightness": ("Brightness", False),
    "color.colorfulness": ("Colourfulness", False),
    "ocr.area_share": ("Proportion of the cover under text", False),
    "people.face_count": ("Faces", True),
    "people.person_count": ("Persons", True),
}


@dataclass(frozen=True)
class Bar:
    """The proportion of the genre's covers and of all others with a value in [low, high)."""

    low: float
    high: float
    own: float
    others: float
    label: str


@dataclass(frozen=True)
class Distribution:
    """One feature of a genre and of the rest.

    Attributes:
        title, column, meaning: what it is.
        counts: whether bars are whole numbers.
        own, others: median (of counts the mean) of the genre and of all others.
        quartiles, other_quartiles: of the genre and of all others.
        none: proportion of the genre's covers, and of all others, with none of what is counted.
    """

    title: str
    column: str
    meaning: str
    counts: bool
    bars: list[Bar]
    own: float
    others: float
    quartiles: tuple[float, float]
    other_quartiles: tuple[float, float]
    none: tuple[float, float]

    @property
    def tallest(self) -> float:
        """The largest proportion of all bars."""
        return max(max(bar.own, bar.others) for bar in self.bars)


def distributions(
    values: pd.DataFrame, meanings: Mapping[str, str], inside: np.ndarray
) -> list[Distribution]:
    """What `SHOWN_COLUMNS` names, as far as it is there, for the covers `inside` and all others.

    Args:
        values: frame with readable columns, a row a cover.
        meanings: column -> what it is.
        inside: (n,) bool, whether a cover is of the genre.
    """
    result = []
    for column, (title, counts) in SHOWN_COLUMNS.items():
        if column not in values:
            continue
        every = values[column].to_numpy(np.float64)
        own, others = every[inside & ~np.isnan(every)], every[~inside & ~np.isnan(every)]
        if len(own) and len(others):
            result.append(_distribution(title, column, meanings.get(column, ""), counts, own, others))
    return result


def _distribution(
    title: str, column: str, meaning: str, counts: bool, own: np.ndarray, others: np.ndarray
) -> Distribution:
    middle = np.mean if counts else np.median
    return Distribution(
        title=title,
        column=column,
        meaning=meaning,
        counts=counts,
        bars=bars(own, others, counts),
        own=float(middle(own)),
        others=float(middle(others)),
        quartiles=_quartiles(own),
        other_quartiles=_quartiles(others),
        none=(float((own == 0).mean()), float((others == 0).mean())),
    )


def bars(own: np.ndarray, others: np.ndarray, counts: bool) -> list[Bar]:
    """Histograms of both on the same bins; proportions of each add up to 1."""
    every = np.concatenate([own, others])
    if counts:
        edges = np.arange(LAST_COUNT + 2, dtype=float)
        labels = [*map(str, range(LAST_COUNT)), f"{LAST_COUNT}+"]
    else:
        low, high = float(every.min()), float(np.quantile(every, AXIS_QUANTILE))
        edges = np.linspace(low, high if high > low else low + 1, HISTOGRAM_BINS + 1)
        labels = [""] * HISTOGRAM_BINS
    proportions = []
    for part in (own, others):
        where = np.clip(np.searchsorted(edges, part, side="right") - 1, 0, len(edges) - 2)
        proportions.append(np.bincount(where, minlength=len(edges) - 1) / len(part))
    return [
        Bar(float(low), float(high), float(a), float(b), label)
        for low, high, a, b, label in zip(edges[:-1], edges[1:], *proportions, labels, strict=True)
    ]


def _quartiles(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(low), float(high)
