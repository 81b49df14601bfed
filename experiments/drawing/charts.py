"""The charts of a report: where each mark stands. The SVG itself is in `templates/`, one file a chart.

Colours are those of Okabe and Ito (2008), which people with any kind of colour vision tell apart; a mark
that differs in meaning also differs in shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from coverfusion.experiments.evaluation.intervals import Interval

LIGHT = {
    "surface": "#ffffff", "page": "#f5f6f8", "ink": "#1a1d21", "muted": "#5a626d", "line": "#d9dde3",
    "grid": "#e6e9ee", "fused": "#0072b2", "alone": "#b45309", "chance": "#6b7280", "cell": "#56b4e9",
    "notice": "#fff4d6", "notice-edge": "#e69f00", "right": "#00755a", "wrong": "#b24a00",
}  # fmt: skip
DARK = {
    "surface": "#1b1e23", "page": "#121417", "ink": "#e8eaed", "muted": "#a3abb6", "line": "#363c45",
    "grid": "#2b3038", "fused": "#56b4e9", "alone": "#e69f00", "chance": "#9aa3af", "cell": "#0a6da8",
    "notice": "#3a2f12", "notice-edge": "#e69f00", "right": "#3ecfa5", "wrong": "#ff9a52",
}  # fmt: skip

LABELS_END, VALUES_START = (
    32.0,
    87.0,
)  # percent of the width: names end at the first, values begin after the second


@dataclass(frozen=True)
class Dot:
    """One line of the chart of scores; `other` is the score on validation, beside `main` on test."""

    label: str
    below: str
    kind: str  # "fused" or "alone"
    chosen: bool
    main: Interval
    other: Interval | None = None


@dataclass(frozen=True)
class Axis:
    """A linear axis over [low, high] that is drawn from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value stands, kept on the axis."""
        part = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(part, 0.0), 1.0) * (self.end - self.start), 3)

    def ticks(self) -> list[float]:
        """About five round values on the axis."""
        span = self.high - self.low
        steps = (part * 10**power for power in range(20) for part in (0.02, 0.05, 0.1))
        step = next(step for step in steps if round(span / step, 6) <= 7)
        first = math.ceil(round(self.low / step, 9))
        return [round(n * step, 4) for n in range(first, math.floor(round(self.high / step, 9)) + 1)]


def score_axis(dots: Sequence[Dot], chance: float, most: float = 1.0) -> Axis:
    """An axis, in percent of the chart's width, that holds chance and every interval.

    Args:
        dots: of the chart.
        chance: where nothing is known of covers.
        most: no score is larger.
    """
    shown = [interval for dot in dots for interval in (dot.main, dot.other) if interval]
    low = min([chance, *(interval.low for interval in shown)])
    high = max([chance, *(interval.high for interval in shown)])
    top = math.ceil(min(high + 0.01, most) * 20) / 20
    bottom = min(math.floor(max(low - 0.01, 0.0) * 20) / 20, max(top - 0.1, 0.0))
    return Axis(bottom, max(top, bottom + 0.1), LABELS_END + 3, VALUES_START)


@dataclass(frozen=True)
class Cell:
    """One cell of a confusion matrix: covers, their proportion of the true genre, depth of its colour."""

    genre: str
    covers: int
    proportion: float
    depth: float


def confusion_rows(counts: pd.DataFrame) -> dict[str, list[Cell]]:
    """True genre -> cells, one a predicted genre; the deepest colour is the largest proportion of all.

    Args:
        counts: (k, k) covers, rows true genres, columns predicted ones.
    """
    proportions = counts.div(counts.sum(axis=1).replace(0, 1), axis=0)
    most = max(float(proportions.to_numpy().max()), 1e-9)
    return {
        str(true): [
            Cell(str(genre), int(counts.loc[true, genre]), proportion, round(proportion / most, 3))
            for genre, proportion in proportions.loc[true].items()
        ]
        for true in counts.index
    }
