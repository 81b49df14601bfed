"""Values against a number: points with intervals, lines, bands, and a reference line."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from coverfusion.experiments.drawing.charts import (
    LETTER,
    NARROWEST,
    Axis,
    Key,
    axis_over,
    free_ticks,
    line_words,
    placed_legend,
    wrapped,
)

START, END = 17.0, 96.0  # percent of the width: the numbers of the axis stand before
WIDEST_X_LABEL = int((1 - START / 100) * NARROWEST / LETTER)  # letters in a line below the axis on a phone
PLOT = 230  # pixels
COUNTS, COUNTS_TITLE = 44, 40  # of the strip that says how many covers stand behind each point, of its title
PERCENT = Axis(0.0, 100.0, START, END)
LABELLESS = 30  # of an axis that has no label
TOP, BOTTOM, LINE = 40, 54, 20  # above the plot, of the axis, of its label


@dataclass(frozen=True)
class Spot:
    """One point; NaN ends: no interval.

    Attributes:
        x: where it is drawn.
        y: its value.
        low: lower end of its interval.
        high: upper end.
        hollow: a prediction.
        ringed: the best one.
        of: the x that it is of, where it is drawn a little beside it; NaN: `x` itself.
    """

    x: float
    y: float
    low: float = math.nan
    high: float = math.nan
    hollow: bool = False
    ringed: bool = False
    of: float = math.nan


@dataclass(frozen=True)
class Series:
    """What has one colour and shape.

    Attributes:
        name: in the legend; "": it is in none.
        group: number of its colour and shape; None: a faint line behind the others.
        spots: its points.
        line: through these, as (x, y).
        dashes: goes on so, dashed.
        band: (x, low, high).
        thin: further thin lines, such as one a fold.
    """

    name: str
    group: int | None
    spots: Sequence[Spot] = ()
    line: Sequence[tuple[float, float]] = ()
    dashes: Sequence[tuple[float, float]] = ()
    band: Sequence[tuple[float, float, float]] = ()
    thin: Sequence[Sequence[tuple[float, float]]] = ()


@dataclass(frozen=True)
class Counted:
    """How many covers stand between two values of x."""

    low: float
    high: float
    covers: int


@dataclass(frozen=True)
class Curve:
    """One plot.

    Attributes:
        title: begins the text alternative.
        x: axis in percent of the width.
        y: axis in pixels from the top of the plot.
        x_label: what x is.
        y_label: what y is, with its unit.
        series: drawn in their order.
        x_ticks: values and their texts.
        shown: a y as tables have it.
        tick: a y as the axis has it.
        line: a y to compare with, drawn dashed; NaN: none.
        line_label: what it is.
        counts: drawn below the plot.
        counted: what they count.
        notes: further lines of the legend, such as what a hollow mark is: (mark, words).
    """

    template: ClassVar[str] = "curve.svg"
    title: str
    x: Axis
    y: Axis
    x_label: str
    y_label: str
    series: Sequence[Series]
    x_ticks: Sequence[tuple[float, str]]
    shown: Callable[[float], str]
    tick: Callable[[float], str] = "{:g}".format
    line: float = math.nan
    line_label: str = ""
    counts: Sequence[Counted] = ()
    counted: str = "covers"
    notes: Sequence[tuple[str, str]] = ()

    @cached_property
    def legend(self) -> list[tuple[str, int, str]]:
        """Line by line: what is drawn, number of the group, words."""
        named = [
            ("spot" if each.spots and not each.line else "spotted" if each.spots else "dashes"
             if each.dashes and not each.line else "plain", each.group or 0, each.name)
            for each in self.series if each.name
        ]  # fmt: skip
        notes = [(kind, 0, words) for kind, words in self.notes]
        line = [] if math.isnan(self.line) else [("line", 0, self.line_label)]
        return [*named, *notes, *line]

    @cached_property
    def keys_placed(self) -> list[Key]:
        """The legend with its places."""
        return placed_legend(self.legend)

    @property
    def top(self) -> int:
        """Where the plot begins, in pixels."""
        return TOP + (self.keys_placed[-1].bottom if self.keys_placed else 0)

    @property
    def bottom(self) -> int:
        """Where it ends, with its counts."""
        return self.top + int(self.y.start) + (COUNTS_TITLE + COUNTS if self.counts else 0)

    @property
    def strip(self) -> int:
        """Where the strip of counts begins, in pixels: the highest bar reaches it."""
        return self.bottom - COUNTS

    @property
    def height(self) -> int:
        """Of the chart."""
        return self.bottom + (BOTTOM + LINE * (len(self.x_lines) - 1) if self.x_label else LABELLESS)

    @property
    def x_lines(self) -> list[str]:
        """What x is, in lines that a phone has room for."""
        return wrapped(self.x_label, WIDEST_X_LABEL)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The ticks of x that have room."""
        return free_ticks(self.x_ticks, self.x)

    @property
    def words(self) -> str:
        """The title, every point of every series, and what stands behind them."""
        line = line_words(self.line, self.line_label, self.shown)
        said = [f"{each.name or self.title}: {self._points(each)}." for each in self.series if each.spots]
        against = f"; {self.y_label} against {self.x_label}" if self.x_label else ""
        behind = "; ".join(
            f"{self.tick(each.low)} to {self.tick(each.high)}: {each.covers:,}" for each in self.counts
        )
        said += [f"{self.counted}: {behind}."] if self.counts else []
        return f"{self.title}{against}.{line} {' '.join(said)}".strip()

    def _points(self, series: Series) -> str:
        ticks = dict(self.x_ticks)
        places = [spot.x if math.isnan(spot.of) else spot.of for spot in series.spots]
        return "; ".join(
            f"at {ticks.get(x, f'{x:.4g}')}{' (predicted)' if spot.hollow else ''}: "
            f"{self.shown(spot.y)}"
            + ("" if math.isnan(spot.low) else f" ({self.shown(spot.low)} to {self.shown(spot.high)})")
            for x, spot in zip(places, series.spots, strict=True)
        )


def width_axis(low: float, high: float, log: bool = False) -> Axis:
    """The axis of x, with room beside the outermost points."""
    if log:
        room = (high / low) ** 0.03 if high > low else 2.0
        return Axis(low / room, high * room, START, END, log=True)
    room = 0.03 * (high - low) or 0.5
    return Axis(low - room, high + room, START, END)


def height_axis(values: Sequence[float], least: float = -math.inf, most: float = math.inf) -> Axis:
    """The axis of y, that holds all values."""
    return axis_over(values, PLOT, 0, least, most)


def series_values(series: Sequence[Series]) -> list[float]:
    """Every y of some series, for an axis over several charts."""
    spots = [value for each in series for spot in each.spots for value in (spot.y, spot.low, spot.high)]
    lines = [y for each in series for line in (each.line, each.dashes, *each.thin) for _, y in line]
    bands = [value for each in series for _, *ends in each.band for value in ends]
    return [*spots, *lines, *bands]


def calibration_curve(
    title: str, spots: Sequence[Spot], counts: Sequence[Counted], each_genre: bool = False
) -> Curve:
    """How often something comes true against the probability given, in percent; on the line all is right.

    Args:
        title: begins the text alternative.
        spots: probability, and how often it came true with its interval.
        counts: covers in each bin, or pairs of a cover and a genre.
        each_genre: every genre's probability counts, not that of the predicted one.
    """
    return Curve(
        title=title,
        x=PERCENT,
        y=Axis(0.0, 100.0, PLOT, 0),
        x_label=f"probability given to {'a genre' if each_genre else 'the predicted genre'}, %",
        y_label="how often the cover has it, %" if each_genre else "how often it is right, %",
        series=[
            Series("as often as it says", 1, dashes=[(0.0, 0.0), (100.0, 100.0)]),
            Series(f"{'has it' if each_genre else 'right'}, with its 95 % interval", 0, spots=spots),
        ],
        x_ticks=[(float(tick), str(tick)) for tick in range(0, 101, 20)],
        shown="{:.0f}".format,
        counts=counts,
        counted="pairs" if each_genre else "covers",
    )
