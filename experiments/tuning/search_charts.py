"""Charts of a search: its course, which parameters mattered, and the score against each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from coverfusion.experiments.drawing.charts import Axis, Chart
from coverfusion.experiments.drawing.curves import (
    Curve,
    Series,
    Spot,
    height_axis,
    series_values,
    width_axis,
)
from coverfusion.experiments.drawing.forest import Forest, Row, forest_axis
from coverfusion.experiments.drawing.words import records
from coverfusion.experiments.evaluation.chosen_metric import Metric
from coverfusion.experiments.pipeline.cached_fits import VALIDATION
from coverfusion.experiments.tuning.judged import Chance
from coverfusion.experiments.tuning.values import label

BEST = "the best, with its interval"


def best_spot(trials: pd.DataFrame, rows: pd.DataFrame, metric: Metric, ringed: bool) -> Spot:
    """The best trial at its number, with the interval of all its validation covers.

    Args:
        trials: of the search.
        rows: of `best.csv`.
        metric: of the trials.
        ringed: whether enough covers judged to call it the best.
    """
    of = rows[(rows["value"] == "best") & (rows["covers"] == VALIDATION)].iloc[0]
    low, high = (metric.scale * float(of[f"{metric.column}_{end}"]) for end in ("low", "high"))
    best = best_of(trials)
    spot = Spot(float(best["trial"]), metric.scale * float(best[metric.column]))
    return replace(spot, low=low, high=high, ringed=True) if ringed else spot


def history_chart(trials: pd.DataFrame, metric: Metric, found: Spot, chance: Chance, course: str) -> Curve:
    """Every trial in its turn, and the best so far.

    Args:
        trials: of the search.
        metric: of the trials.
        found: from `best_spot`.
        chance: the line of accuracy; another metric has none.
        course: from `course_title`.
    """
    done = trials[trials["state"] == "finished"]
    cut = trials[(trials["state"] == "stopped") & trials["last"].notna()]
    values = metric.scale * done[metric.column]
    best = values.cummax() if metric.higher_is_better else values.cummin()
    steps: list[tuple[float, float]] = []
    for trial, value in zip(done["trial"].astype(float), best, strict=True):
        steps += [(trial, steps[-1][1])] if steps else []
        steps.append((trial, value))
    own = done["own"].astype(bool)
    series = [
        Series("best so far", 0, line=steps),
        _trials("finished", 0, done[~own], metric.column, metric, found),
        _trials("stopped early, last known value", 1, cut, "last", metric, found),
        _trials("the default", 2, done[own], metric.column, metric, found),
    ]
    first, last = int(trials["trial"].min()), int(trials["trial"].max())
    step = max(-(-(last - first) // 5), 1)
    return Curve(
        title="The course of the search",
        x=width_axis(first, last),
        y=_heights(series_values(series), metric, chance),
        x_label="trial",
        y_label=course,
        series=[each for each in series if each.spots or each.line],
        x_ticks=[(float(trial), str(trial)) for trial in range(first, last + 1, step)],
        shown=metric.figure,
        line=chance.line(metric),
        line_label=chance.label(metric),
        notes=_best_note(found),
    )


def importance_chart(importance: pd.DataFrame) -> Forest:
    """Which parameter mattered: bars that add up to 100 %."""
    rows = [Row(row["parameter"], row["importance"]).scaled(100) for row in records(importance)]
    return Forest(
        title="Which parameter mattered",
        rows=rows,
        axis=forest_axis(rows, 0.0, 0.0, 100.0),
        axis_label="proportion of the importance, %",
        shown="{:.0f}".format,
        tick="{:g}".format,
        bars=True,
    )


def parameter_charts(
    trials: pd.DataFrame,
    space: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    found: Spot,
    chance: Chance,
    course: str,
) -> dict[str, Chart]:
    """Parameter -> the score of the finished trials against it, for those that were searched.

    Args:
        trials: of the search.
        space: parameter -> its range or choices, as in `study.json`.
        metric: of the trials.
        found: from `best_spot`.
        chance: as for `history_chart`.
        course: from `course_title`.
    """
    done, best = trials[trials["state"] == "finished"], best_of(trials)
    values = metric.scale * done[metric.column]
    y = _heights([*values, found.low, found.high], metric, chance)
    charts: dict[str, Chart] = {}
    for name, of in space.items():
        if len(of.get("values", [0, 0])) < 2:
            continue
        places, ticks, log = _places(done[name], of)
        spots = [
            replace(found, x=place) if trial == best["trial"] else Spot(place, value)
            for place, value, trial in zip(places, values, done["trial"], strict=True)
        ]
        ends = [*places, *(tick for tick, _ in ticks)]
        charts[name] = Curve(
            title=f"{metric.label} against {name}",
            x=width_axis(min(ends), max(ends), log),
            y=y,
            x_label=f"{name}{' (logarithmic)' if log else ''}",
            y_label=course,
            series=[Series("finished trial", 0, spots)],
            x_ticks=ticks,
            shown=metric.figure,
            line=chance.line(metric),
            line_label=chance.label(metric),
            notes=_best_note(found),
        )
    return charts


def course_title(metric: Metric, folds: int) -> str:
    """What trials are judged by, as an axis says it."""
    return f"validation {metric.named}{', mean of folds' if folds > 1 else ''}"


def best_of(trials: pd.DataFrame) -> dict[str, Any]:
    """The trial that `search_results.best_trial` chose."""
    return records(trials[trials["best"]])[0]


def _heights(values: Sequence[float], metric: Metric, chance: Chance) -> Axis:
    """The axis of scores: from 0 where it is a proportion, so that one cover does not look like much."""
    zero = [0.0] if metric.percent else []
    return height_axis([*values, *zero, chance.line(metric)], 0, 100 if metric.percent else math.inf)


def _trials(name: str, group: int, rows: pd.DataFrame, column: str, metric: Metric, found: Spot) -> Series:
    spots = [Spot(float(row["trial"]), metric.scale * float(row[column])) for row in records(rows)]
    return Series(name, group, [found if spot.x == found.x else spot for spot in spots])


def _best_note(found: Spot) -> list[tuple[str, str]]:
    return [("ringed", BEST)] if found.ringed else []


def _places(values: pd.Series, of: Mapping[str, Any]) -> tuple[list[float], list[tuple[float, str]], bool]:
    """Where texts of values stand, the ticks, and whether the axis is logarithmic."""
    if "values" in of:
        names = [label(value) for value in of["values"]]
        return [float(names.index(value)) for value in values], list(enumerate(names)), False
    places, log = [float(value) for value in values], bool(of["log"])
    axis = width_axis(min(places), max(places))
    ticks = _powers(min(places), max(places)) if log else axis.ticks()
    return places, [(tick, f"{tick:g}") for tick in ticks], log


def _powers(low: float, high: float) -> list[float]:
    """Powers of ten from low to high; where there are fewer than two, also 2 and 5 times them."""
    for parts in ((1.0,), (1.0, 2.0, 5.0)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [
            part * 10.0**power for power in powers for part in parts if low <= part * 10.0**power <= high
        ]
        if len(found) > 1:
            return found
    return [low, high]
