"""Charts of a learning-curve study: a curve a classifier with its law, and what balancing does to genres."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.experiments.curve.balance import BALANCES
from coverfusion.experiments.curve.power_law import PowerLaw
from coverfusion.experiments.drawing.curves import (
    Curve,
    Series,
    Spot,
    height_axis,
    series_values,
    width_axis,
)
from coverfusion.experiments.drawing.forest import Forest, Row, forest_axis
from coverfusion.experiments.drawing.labels import largest
from coverfusion.experiments.drawing.words import records
from coverfusion.experiments.evaluation.chosen_metric import Metric

# a balance has a colour and a shape of its own
GROUPS = {balance: number for number, balance in enumerate(BALANCES)}
BESIDE = 0.012  # of the axis: the next balance stands so much further right, so that intervals show
SMOOTH = 40  # points of a line that is bent


def curve_charts(
    pooled: pd.DataFrame, laws: pd.DataFrame, baseline: float, metric: Metric
) -> dict[str, Curve]:
    """Classifier -> the metric with its interval at each size, and the law up to twice the covers.

    All have the same axes; the other classifiers stand behind in grey, so that they can be compared.

    Args:
        pooled: the scores by size.
        laws: the power laws.
        baseline: the metric where nothing is known of a cover.
        metric: of the curves.
    """
    values = pooled[pooled["score"] == metric.column]
    names = list(dict.fromkeys(laws["classifier"]))
    drawn = {
        name: [
            series
            for law in records(laws[laws["classifier"] == name])
            for series in _series(values, law, metric)
        ]
        for name in names
    }
    behind = {name: _behind(values, laws, name, metric) for name in names}
    line = metric.scale * baseline
    y = height_axis(
        [line, *(value for series in drawn.values() for value in series_values(series))],
        0,
        100 if metric.percent else math.inf,
    )
    sizes = sorted(values["size"].unique())
    ahead = [2 * sizes[-1]] if any(each.dashes for series in drawn.values() for each in series) else []
    x = width_axis(sizes[0], [*sizes, *ahead][-1], log=True)
    return {
        name: Curve(
            title=f"{name}: {metric.label} against training covers",
            x=x,
            y=y,
            x_label="training covers (logarithmic)",
            y_label=metric.named,
            series=[*behind[name], *series],
            x_ticks=[(float(size), f"{size:,}") for size in [*sizes, *ahead]],
            shown=metric.figure,
            line=line,
            line_label=f"chance: {metric.figure(line)}",
            notes=[
                *([("faint", "the other classifiers")] if behind[name] else []),
                *([("hollow", "predicted for twice the covers")] if any(s.dashes for s in series) else []),
            ],
        )
        for name, series in drawn.items()
    }


def balance_charts(balance: pd.DataFrame) -> dict[str, Forest]:
    """Classifier -> accuracy, macro F1 and each genre's F1 under every balance, all on one axis."""
    shown = balance[balance["score"].isin(["accuracy", "f1_macro", "f1"])]
    covers = shown[shown["genre"] != ""].drop_duplicates("genre").set_index("genre")["covers"].to_dict()
    genres, which = largest(covers)
    order = [("accuracy", ""), ("f1_macro", ""), *(("f1", genre) for genre in genres)]
    rows = {
        str(name): [row for scores in order for row in _balanced(part, *scores, covers)]
        for name, part in shown.groupby("classifier", sort=False)
    }
    axis = forest_axis([row for part in rows.values() for row in part], least=0.0, most=100.0)
    groups = {GROUPS[kind]: BALANCES[kind] for kind in dict.fromkeys(balance["balance"])}
    return {
        name: Forest(
            title=f"{name}: scores under every balance",
            rows=part,
            axis=axis,
            axis_label=f"accuracy or F1{which}, %, interval of at least 95 %",
            shown="{:.1f}".format,
            tick="{:g}".format,
            groups=groups,
        )
        for name, part in rows.items()
    }


def _balanced(part: pd.DataFrame, score: str, genre: str, covers: Mapping[Any, int]) -> list[Row]:
    heading = f"F1 of {genre} ({covers[genre]:,})" if genre else "macro F1" if score == "f1_macro" else score
    mine = records(part[(part["score"] == score) & (part["genre"] == genre)])
    return [
        Row(
            label=BALANCES[row["balance"]],
            value=row["value"],
            low=row["low"],
            high=row["high"],
            group=GROUPS[row["balance"]],
            heading=heading,
        ).scaled(100)
        for row in mine
    ]


def _behind(values: pd.DataFrame, laws: pd.DataFrame, name: str, metric: Metric) -> list[Series]:
    first = values[(values["balance"] == laws["balance"].iloc[0]) & (values["classifier"] != name)]
    return [
        Series("", None, line=list(zip(part["size"], metric.scale * part["value"], strict=True)))
        for _, part in first.groupby("classifier")
    ]


def _series(values: pd.DataFrame, law: dict[str, Any], metric: Metric) -> list[Series]:
    """Points with intervals, and the fitted law with its prediction where it has one."""
    group = GROUPS[law["balance"]]
    beside = (law["largest"] / law["smallest"]) ** (BESIDE * group)
    mine = values[(values["classifier"] == law["classifier"]) & (values["balance"] == law["balance"])]
    spots = []
    for row in records(mine):
        value, low, high = (metric.scale * row[end] for end in ("value", "low", "high"))
        spots.append(Spot(beside * row["size"], value, low, high, of=float(row["size"])))
    name = BALANCES[law["balance"]]
    if law["verdict"] == "short":
        return [Series(name, group, spots)]
    n = np.geomspace(law["smallest"], 2 * law["largest"], SMOOTH)
    error = np.asarray(PowerLaw(law["a"], law["b"], law["c"]).error(n))
    fitted = metric.scale * (1 - error if metric.higher_is_better else error)
    bent = list(zip(n.tolist(), fitted.tolist(), strict=True))
    line, ahead = ([p for p in bent if (p[0] <= law["largest"]) == inside] for inside in (True, False))
    if law["verdict"] == "flat":
        return [Series(name, group, spots, line)]
    better = metric.scale * metric.better(1.0)  # a loss gets better downwards
    now = bent[-1][1] - better * law["gain"]
    low, high = sorted(now + better * law[end] for end in ("gain_low", "gain_high"))
    then = Spot(beside * 2 * law["largest"], bent[-1][1], low, high, hollow=True, of=2.0 * law["largest"])
    return [Series(name, group, [*spots, then], line, [line[-1], *ahead])]
