"""What an ablation comes to, in sentences; nothing is said to matter that the folds do not show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from coverfusion.experiments.ablation.designs import (
    ALL_BUT_A_SIDE,
    METADATA,
    NO_BACKS,
    NO_FRONTS,
    ONE_SIDE,
    PICTURES,
)
from coverfusion.experiments.drawing.words import listed, records
from coverfusion.experiments.evaluation import ALPHA
from coverfusion.experiments.evaluation.chosen_metric import Metric

# what is not in a set of blocks, with its verb -> and what it is added to
_ADDED = {
    METADATA: ("pictures add", "metadata"),
    PICTURES: ("metadata adds", "pictures"),
    NO_BACKS: ("backs add", "all the rest"),
    NO_FRONTS: ("fronts add", "all the rest"),
}
ALONE, NEEDED = "block alone against chance", "all against all but block"
FUSING = "all against block alone"


def ablation_verdict(comparisons: pd.DataFrame, metric: Metric) -> list[str]:
    """Which blocks are better than chance alone, and which are missed: a sentence each and classifier.

    Args:
        comparisons: rows of `comparisons.csv`.
        metric: that they are in.
    """
    said = []
    for design, sentence in (
        (ALONE, _alone),
        (FUSING, _fusing),
        (NEEDED, _needed),
        (ONE_SIDE, _added),
        (ALL_BUT_A_SIDE, _added),
    ):
        for classifier, part in comparisons[comparisons["design"] == design].groupby(
            "classifier", sort=False
        ):
            said.append(f"{classifier}: {sentence(part, metric)}")
    return said


def _alone(part: pd.DataFrame, metric: Metric) -> str:
    sure = part[(part["p_holm"] < ALPHA) & (part["difference"] > 0)]
    if sure.empty:
        return f"no block alone is significantly better than chance. {_power(part, metric)}"
    rest = part.drop(index=sure.index)["unit"]
    others = f"; not significantly better: {listed(list(rest))}" if len(rest) else ""
    return f"alone significantly better than chance, {metric.gain}: {_each(sure, metric)}{others}."


def _fusing(part: pd.DataFrame, metric: Metric) -> str:
    """All blocks against the one that is best alone: what fusing brings at least."""
    row, *others = records(part.sort_values("difference", kind="stable"))
    level = [other["unit"] for other in others if math.isclose(other["difference"], row["difference"])]
    best = f"{row['unit']} (as good as {listed(level)})" if level else row["unit"]
    value, low, high = _span(row, metric)
    doubt = _doubt(row)
    return f"all blocks against the best block alone, {best}: {value} {metric.gain} ({low} to {high}){doubt}."


def _needed(part: pd.DataFrame, metric: Metric) -> str:
    sure, harm = (part[(part["p_holm"] < ALPHA) & side(part["difference"])] for side in _SIDES)
    said = []
    if len(sure):
        said.append(f"{metric.gain} lost when left out: {_each(sure, metric)}")
    if len(harm):
        said.append(f"{metric.gain} gained when left out: {_each(harm.assign(**_turned(harm)), metric)}")
    if not said:
        return f"leaving one block out loses nothing significant. {_power(part, metric)}"
    return "; ".join(said) + "."


def _power(part: pd.DataFrame, metric: Metric) -> str:
    """Which differences could have been found at all: without it "nothing significant" reads as "nothing"."""
    if part["detectable"].min() > metric.most:
        return "These folds can show nothing: they find only differences of more than 100 points."
    ordered = records(part.sort_values("detectable", kind="stable"))
    ends = [ordered[0], ordered[-1]]
    sizes = list(dict.fromkeys(f"{metric.size_words(row['detectable'])} ({row['unit']})" for row in ends))
    return (
        f"Found in 80 % of such studies is a difference of at least {' to '.join(sizes)} {metric.gain}"
        f"{', by block' if len(sizes) > 1 else ''}, before Holm's correction."
    )


def _added(part: pd.DataFrame, metric: Metric) -> str:
    """What pictures add to metadata, and metadata to pictures; what either side adds."""
    said = []
    for row in records(part):
        added, to = _ADDED[row["unit"]]
        doubt = _doubt(row)
        said.append("{} {} ({} to {}) to {}{}".format(added, *_span(row, metric), to, doubt))
    return f"{metric.gain}: {'; '.join(said)}."


_SIDES: tuple[Callable[[pd.Series], pd.Series], ...] = (lambda values: values > 0, lambda values: values < 0)


def _turned(part: pd.DataFrame) -> dict[str, pd.Series]:
    return {"difference": -part["difference"], "low": -part["high"], "high": -part["low"]}


def _each(part: pd.DataFrame, metric: Metric) -> str:
    ordered = part.sort_values("difference", ascending=False)
    return listed(["{} {} ({} to {})".format(row["unit"], *_span(row, metric)) for row in records(ordered)])


def _doubt(row: Mapping[str, Any]) -> str:
    """What follows a difference that is not significant; its interval, not corrected, may exclude 0."""
    if row["p_holm"] < ALPHA:
        return ""
    clear = row["low"] > 0 or row["high"] < 0
    return f", which is not significant{' after the correction' if clear else ''}"


def _span(row: Mapping[str, Any], metric: Metric) -> tuple[str, ...]:
    """A difference and the ends of its interval, as shown."""
    return tuple(metric.gain_figure(metric.scale * row[name]) for name in ("difference", "low", "high"))
