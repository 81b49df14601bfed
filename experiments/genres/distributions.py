"""How a few readable features are spread over a genre's covers, beside all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from coverfusion.experiments.drawing.charts import Axis
from coverfusion.experiments.drawing.curves import END, START, Curve, Series
from coverfusion.experiments.drawing.words import brief, percent

HISTOGRAM_HEIGHT = 110  # pixels
MOST_BINS, FEWEST_BINS = 20, 4
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
        beyond: whether the last bar holds values beyond its end.
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
    beyond: bool = False

    @property
    def tallest(self) -> float:
        """The largest proportion of all bars."""
        return max(max(bar.own, bar.others) for bar in self.bars)


def distribution_chart(one: Distribution, genre: str, item: str = "cover") -> Curve:
    """Histograms of a genre's covers and of all others, on one axis, in percent of the covers.

    Args:
        one: the feature.
        genre: whose covers are compared with all others.
        item: what one of them is called.
    """
    edges = [one.bars[0].low, *(bar.high for bar in one.bars)]
    own, others = (
        _steps(edges, [100 * getattr(bar, name) for bar in one.bars]) for name in ("own", "others")
    )
    step, last = -(-len(one.bars) // 4), len(one.bars)
    ends = [(edges[k], brief(edges[k])) for k in range(0, last + 1, step)]
    if one.beyond:  # the end is named, in place of a tick that is near
        ends = [(edge, name) for edge, name in ends if edge <= edges[last - step]]
        ends.append((edges[last], f"{brief(edges[last])}+"))
    middles = [((bar.low + bar.high) / 2, bar.label) for bar in one.bars]
    return Curve(
        title=f"{one.title} of {genre} {item}s against all others. {_in_words(one)}",
        x=Axis(edges[0], edges[-1], START, END),
        y=Axis(0.0, 100 * one.tallest, HISTOGRAM_HEIGHT, 0),
        x_label="",
        y_label=f"{item}s, %",
        series=[
            Series("", 0, band=[(x, 0.0, y) for x, y in own]),
            Series("", 1, line=[(edges[0], 0.0), *others, (edges[-1], 0.0)]),
        ],
        x_ticks=middles if one.counts else ends,
        shown="{:.0f}".format,
    )


def _steps(edges: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    pairs = zip(edges[:-1], edges[1:], values, strict=True)
    return [point for low, high, value in pairs for point in ((low, value), (high, value))]


def _in_words(one: Distribution) -> str:
    if one.counts:
        return "; ".join(
            f"{bar.label}: {percent(bar.own, 0)} against {percent(bar.others, 0)}" for bar in one.bars
        )
    ours, theirs = (f"{brief(low)} to {brief(high)}" for low, high in (one.quartiles, one.other_quartiles))
    return f"Median {brief(one.own)} against {brief(one.others)}; middle half {ours} against {theirs}"


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
    shown = bars(own, others, counts)
    return Distribution(
        title=title,
        column=column,
        meaning=meaning,
        counts=counts,
        bars=shown,
        own=float(middle(own)),
        others=float(middle(others)),
        quartiles=_quartiles(own),
        other_quartiles=_quartiles(others),
        none=(float((own == 0).mean()), float((others == 0).mean())),
        beyond=bool(max(own.max(), others.max()) > shown[-1].high),
    )


def bars(own: np.ndarray, others: np.ndarray, counts: bool) -> list[Bar]:
    """Histograms of both on the same bins; proportions of each add up to 1."""
    every = np.concatenate([own, others])
    if counts:
        edges = np.arange(LAST_COUNT + 2, dtype=float)
        labels = [*map(str, range(LAST_COUNT)), f"{LAST_COUNT}+"]
    else:
        edges = round_edges(every, min(len(own), len(others)))
        labels = [""] * (len(edges) - 1)
    proportions = []
    for part in (own, others):
        where = np.clip(np.searchsorted(edges, part, side="right") - 1, 0, len(edges) - 2)
        proportions.append(np.bincount(where, minlength=len(edges) - 1) / len(part))
    return [
        Bar(float(low), float(high), float(a), float(b), label)
        for low, high, a, b, label in zip(edges[:-1], edges[1:], *proportions, labels, strict=True)
    ]


def round_edges(values: np.ndarray, covers: int) -> np.ndarray:
    """Edges of bins on round values, about 2 n^(1/3) of them for n covers (D. M. Lane's Rice rule)."""
    low, high = float(values.min()), float(np.quantile(values, AXIS_QUANTILE))
    most = int(np.clip(2 * covers ** (1 / 3), FEWEST_BINS, MOST_BINS))
    width = (high - low if high > low else 1.0) / most
    power = 10.0 ** np.floor(np.log10(width))
    step = max(part * power for part in (1, 2, 2.5, 5, 10) if part * power <= 1.25 * width)
    first, last = np.floor(round(low / step, 9)), np.ceil(round(high / step, 9))
    return np.round(step * np.arange(first, max(last, first + 1) + 1), 12)


def _quartiles(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.25, 0.75])
    return float(low), float(high)
