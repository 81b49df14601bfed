"""Charts of a sweep: scores against the parameter, of the covers learnt from and of those held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from coverfusion.experiments.drawing.charts import Chart
from coverfusion.experiments.drawing.curves import (
    Curve,
    Series,
    Spot,
    height_axis,
    series_values,
    width_axis,
)
from coverfusion.experiments.drawing.forest import Forest, Row, forest_axis
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, Metric
from coverfusion.experiments.pipeline.cached_fits import TRAINING, VALIDATION
from coverfusion.experiments.tuning.judged import Chance
from coverfusion.experiments.tuning.values import is_number, label, spans_decades

ALWAYS_SHOWN = ("accuracy", "log_loss")  # beside the metric that the sweep ranks by
GROUPS = {VALIDATION: 0, TRAINING: 1}


def sweep_charts(
    table: pd.DataFrame, values: Sequence[Any], parameter: str, chance: Chance, metric: Metric
) -> dict[str, Chart]:
    """Score -> a curve where the values are numbers, else a row a value; the best is marked.

    Args:
        table: `values.csv`.
        values: all that were tried, in their order.
        parameter: its name.
        chance: the line of accuracy.
        metric: that chose the best value.
    """
    shown = [each for each in SET_METRICS.values() if each.name in (*ALWAYS_SHOWN, metric.name)]
    numbers = len(values) > 1 and all(map(is_number, values))
    charts: dict[str, Chart] = {}
    for each in shown:
        most = 100.0 if each.percent else math.inf
        if numbers:
            charts[each.label] = _curve(table, values, parameter, each, chance, most)
        else:
            charts[each.label] = _forest(table, values, each, chance, most)
    return charts


def _curve(
    table: pd.DataFrame,
    values: Sequence[Any],
    parameter: str,
    metric: Metric,
    chance: Chance,
    most: float,
) -> Curve:
    log = spans_decades(values)
    x = width_axis(min(values), max(values), log)
    series = [_series(table, values, metric, covers, log) for covers in GROUPS]
    return Curve(
        title=f"{metric.label} against {parameter}",
        x=x,
        y=height_axis([*series_values(series), chance.line(metric)], 0, most),
        x_label=f"{parameter}{' (logarithmic)' if log else ''}",
        y_label=metric.named,
        series=series,
        x_ticks=[(float(value), label(value)) for value in sorted(values)],
        shown=metric.figure,
        line=chance.line(metric),
        line_label=chance.label(metric),
        notes=[("ringed", "the best on validation covers")] if table["best"].eq(True).any() else [],
    )


def _series(table: pd.DataFrame, values: Sequence[Any], metric: Metric, covers: str, log: bool) -> Series:
    rows = table[table["covers"] == covers].set_index("value")
    best = set(table.loc[table["best"].eq(True), "value"]) if covers == VALIDATION else set()
    # the training covers stand a little to the left, so that intervals do not hide each other
    side = -1 if covers == TRAINING else 1
    spread = (max(values) / min(values)) ** 0.01 if log else 0.008 * (max(values) - min(values))
    spots = []
    for value in sorted(values):
        middle, low, high = _scaled(rows.loc[[label(value)]].iloc[0], metric)
        place = value * spread**side if log else value + side * spread
        spots.append(Spot(place, middle, low, high, ringed=label(value) in best, of=float(value)))
    return Series(f"{covers} covers", GROUPS[covers], spots, [(spot.x, spot.y) for spot in spots])


def _forest(
    table: pd.DataFrame, values: Sequence[Any], metric: Metric, chance: Chance, most: float
) -> Forest:
    best = set(table.loc[table["best"].eq(True), "value"])
    rows = []
    for value in map(label, values):
        for covers, group in GROUPS.items():
            row = table[(table["covers"] == covers) & (table["value"] == value)].iloc[0]
            middle, low, high = _scaled(row, metric)
            chosen = value in best and covers == VALIDATION
            rows.append(Row(f"{covers} covers", middle, low, high, group=group, strong=chosen, heading=value))
    return Forest(
        title=metric.label,
        rows=rows,
        axis=forest_axis(rows, chance.line(metric), 0.0, most),
        axis_label=metric.named,
        shown=metric.figure,
        tick=metric.tick,
        line=chance.line(metric),
        line_label=chance.label(metric),
        groups={group: f"{covers} covers" for covers, group in GROUPS.items()},
    )


def _scaled(row: pd.Series, metric: Metric) -> tuple[float, float, float]:
    """A score and the ends of its interval, as shown."""
    value, low, high = (metric.scale * float(row[f"{metric.column}{end}"]) for end in ("", "_low", "_high"))
    return value, low, high
