"""Values with their intervals, one below the other: as dots or, from zero, as bars."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

from coverfusion.experiments.drawing.charts import (
    WIDEST_AXIS_LABEL,
    Axis,
    Key,
    axis_over,
    line_words,
    placed_legend,
    wrapped,
)
from coverfusion.experiments.evaluation.chosen_metric import Metric

START, END = 3.0, 97.0  # percent of the width that the axis takes
WIDEST_LABEL = 28  # letters in a line, beside the value, on a phone
LINE, MARK_LINE = 20, 26  # pixels: of a line of text, of the mark below it
TOP, BOTTOM = 8, 52  # pixels above the rows, of the axis


@dataclass(frozen=True)
class Row:
    """One value.

    Attributes:
        label: what it is of.
        value: the dot, or the end of the bar; NaN: there is none, and `missing` says why.
        low: lower end of its interval; NaN: none is drawn.
        high: upper end.
        group: number of its colour and shape.
        filled: a filled mark or a hollow one.
        strong: the row that matters.
        ring: a second value, drawn as a small ring.
        heading: over the rows that share it.
        missing: in place of a value.
    """

    label: str
    value: float
    low: float = math.nan
    high: float = math.nan
    group: int = 0
    filled: bool = True
    strong: bool = False
    ring: float = math.nan
    heading: str = ""
    missing: str = ""

    def scaled(self, scale: float) -> Row:
        """The same in another unit: value, ends and ring times `scale`, such as 100 for percent."""
        value, low, high, ring = (scale * part for part in (self.value, self.low, self.high, self.ring))
        return replace(self, value=value, low=low, high=high, ring=ring)


@dataclass(frozen=True)
class PlacedRow:
    """Where a row stands, in pixels from the top: of its heading (none: empty), of its lines, of its mark."""

    row: Row
    heading: list[tuple[int, str]]
    lines: list[tuple[int, str]]
    mark: int


@dataclass(frozen=True)
class Forest:
    """Rows over one axis.

    Attributes:
        title: begins the text alternative.
        rows: from top to bottom.
        axis: in percent of the width.
        axis_label: what its values are, with their unit.
        shown: a value as tables have it.
        tick: a value as the axis has it.
        line: a value to compare with, drawn dashed; NaN: none.
        line_label: what it is.
        groups: number -> its name, for the legend; empty: no legend.
        keys: what filled and hollow marks and rings are: "filled", "hollow" or "ring" -> words.
        bars: bars from zero in place of dots.
    """

    template: ClassVar[str] = "forest.svg"
    title: str
    rows: Sequence[Row]
    axis: Axis
    axis_label: str
    shown: Callable[[float], str]
    tick: Callable[[float], str]
    line: float = math.nan
    line_label: str = ""
    groups: Mapping[int, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    bars: bool = False

    @cached_property
    def legend(self) -> list[tuple[str, int, str]]:
        """The legend line by line: "filled", "hollow", "ring" or "line", number of the group, words."""
        groups = [("filled", number, name) for number, name in self.groups.items()]
        others = [(kind, 0, words) for kind, words in self.keys.items()]
        line = [] if math.isnan(self.line) else [("line", 0, self.line_label)]
        return [*groups, *others, *line]

    @cached_property
    def placed(self) -> list[PlacedRow]:
        """The rows with their places."""
        y, heading, places = self.top, "", []
        for row in self.rows:
            head: list[tuple[int, str]] = []
            if row.heading and row.heading != heading:
                heading = row.heading
                words = wrapped(heading, WIDEST_AXIS_LABEL)
                head = [(y + LINE * (number + 1) + 2, line) for number, line in enumerate(words)]
                y += LINE * len(words) + 10
            lines = wrapped(("★ " if row.strong else "") + row.label, WIDEST_LABEL)
            texts = [(y + LINE * (number + 1) - 4, line) for number, line in enumerate(lines)]
            y += LINE * len(lines) + MARK_LINE
            places.append(PlacedRow(row, head, texts, y - MARK_LINE + 9))
        return places

    @cached_property
    def keys_placed(self) -> list[Key]:
        """The legend with its places."""
        return placed_legend(self.legend)

    @property
    def top(self) -> int:
        """Where the rows begin, in pixels."""
        return TOP + (self.keys_placed[-1].bottom if self.keys_placed else 0)

    @property
    def bottom(self) -> int:
        """Where they end."""
        return (self.placed[-1].mark + MARK_LINE - 9) if self.placed else self.top

    @property
    def height(self) -> int:
        """Of the chart, in pixels."""
        return self.bottom + BOTTOM + LINE * (len(self.axis_lines) - 1)

    @property
    def axis_lines(self) -> list[str]:
        """The label of the axis in lines that a phone has room for."""
        return wrapped(self.axis_label, WIDEST_AXIS_LABEL)

    @property
    def words(self) -> str:
        """The title, the line and every row with its interval."""
        line = line_words(self.line, self.line_label, self.shown)
        rows = (self.row_words(row) for row in self.rows)
        return f"{self.title}; {self.axis_label}.{line} {'; '.join(rows)}."

    def row_words(self, row: Row) -> str:
        """One row in words."""
        parts = dict.fromkeys((row.heading, self.groups.get(row.group, ""), row.label))
        name = ", ".join(part for part in parts if part)
        if math.isnan(row.value):
            return f"{name}: {row.missing or 'no value'}"
        ends = "" if math.isnan(row.low) else f" ({self.shown(row.low)} to {self.shown(row.high)})"
        ring = "" if math.isnan(row.ring) else f", {self.keys.get('ring', 'other')}: {self.shown(row.ring)}"
        return f"{name}: {self.shown(row.value)}{ends}{ring}"


def forest_axis(
    rows: Sequence[Row], line: float = math.nan, least: float = -math.inf, most: float = math.inf
) -> Axis:
    """An axis that holds every value, interval, ring and the line.

    Args:
        rows: of all charts that are to be compared.
        line: a value to compare with.
        least: no value can be smaller.
        most: no value can be larger.
    """
    values = [value for row in rows for value in (row.value, row.low, row.high, row.ring)]
    return axis_over([*values, line], START, END, least, most)


def proportion_forest(
    title: str, rows: Sequence[Row], axis_label: str, groups: Mapping[int, str] | None = None
) -> Forest:
    """Proportions in percent, on an axis that does not leave 0 to 100.

    Args:
        title: of the chart.
        rows: scaled.
        axis_label: what they are, with their unit.
        groups: names of the rows' groups.
    """
    return Forest(
        title=title,
        rows=rows,
        axis=forest_axis(rows, least=0.0, most=100.0),
        axis_label=axis_label,
        shown="{:.1f}".format,
        tick="{:g}".format,
        groups=groups or {},
    )


def difference_forest(
    title: str,
    rows: Sequence[Row],
    metric: Metric,
    what: str = "",
    axis: Axis | None = None,
    groups: Mapping[int, str] | None = None,
) -> Forest:
    """Differences of a metric beside the line of none; a hollow mark is not significant.

    Args:
        title: of the chart.
        rows: scaled.
        metric: that the differences are of.
        what: the differences are, where it is more than the metric's gain.
        axis: of several charts alike; None: this chart's own.
        groups: names of the rows' groups.
    """
    return Forest(
        title=title,
        rows=rows,
        axis=forest_axis(rows, 0.0) if axis is None else axis,
        axis_label=f"{what or metric.gain}, 95 % interval",
        shown=metric.gain_figure,
        tick=metric.tick,
        line=0.0,
        line_label="no difference",
        groups=groups or {},
        keys=_significance_keys(rows, bool(groups)),
    )


def _significance_keys(rows: Sequence[Row], named: bool) -> dict[str, str]:
    """What filled and hollow marks are, of those that there are; groups have their own filled marks."""
    filled = [] if named else [("filled", "significant (Holm)")] * any(row.filled for row in rows)
    hollow = [("hollow", "not significant (Holm)")] * any(not row.filled for row in rows)
    return dict([*filled, *hollow])
