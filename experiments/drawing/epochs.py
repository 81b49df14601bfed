"""How trainings went: accuracy epoch by epoch, a chart a value or model, all on the same axes."""

from __future__ import annotations

import pandas as pd

from coverfusion.experiments.drawing.curves import (
    Curve,
    Series,
    Spot,
    height_axis,
    series_values,
    width_axis,
)
from coverfusion.experiments.pipeline.cached_fits import TRAINING, VALIDATION

EPOCH_COLUMNS = {TRAINING: "accuracy", VALIDATION: "held_out_accuracy"}
EPOCH_WORDS = {TRAINING: "training covers, as changed", VALIDATION: "held out of the training covers"}
PRECISION_NAMES = {"32": "float32", "bf16": "bfloat16", "16": "float16"}


def epoch_charts(epochs: pd.DataFrame, parameter: str) -> dict[str, Curve]:
    """Title -> accuracy epoch by epoch, thin for each fold, thick their mean.

    Args:
        epochs: `history.csv` of all fits, with `value` and `part`.
        parameter: whose values they are; "" for models.
    """
    drawn = {
        f"{parameter} = {value}" if parameter else str(value): _series(mine)
        for value, mine in epochs.groupby("value", sort=False)
    }
    values = [value for series in drawn.values() for value in series_values(series)]
    last = int(epochs["epoch"].max())
    step = -(-last // 5)
    ticks = [(float(epoch), str(epoch)) for epoch in range(1, last + 1) if epoch == 1 or epoch % step == 0]
    return {
        title: Curve(
            title=title,
            x=width_axis(1, max(last, 2)),
            y=height_axis(values, 0, 100),
            x_label="epoch",
            y_label="accuracy, %",
            series=series,
            x_ticks=ticks,
            shown="{:.1f}".format,
        )
        for title, series in drawn.items()
    }


def epoch_words(epochs: pd.DataFrame, parameter: str) -> str:
    """What trainings came to, in words."""
    sentences = []
    for value, mine in epochs.groupby("value", sort=False):
        last = mine.groupby("part").tail(1)
        learnt = _percent(last["accuracy"])
        words = f"{parameter} {value}: {mine['epoch'].max()} epochs, at the end {learnt} right while learning"
        if "held_out_accuracy" in last and last["held_out_accuracy"].notna().any():
            words += f", {_percent(last['held_out_accuracy'])} of the covers held out"
        if "precision" in last:
            names = [PRECISION_NAMES[str(name)] for name in last["precision"].unique()]
            words += f", trained in {' and '.join(names)}"
        sentences.append(words.strip())
    return "; ".join(sentences)


def _series(mine: pd.DataFrame) -> list[Series]:
    """Training and held-out covers, in the same colours wherever they stand."""
    drawn = []
    for group, (covers, column) in enumerate(EPOCH_COLUMNS.items()):
        if column not in mine or mine[column].isna().all():
            continue
        mean = 100 * mine.groupby("epoch")[column].mean()
        line = list(zip(mean.index.astype(float), mean.astype(float), strict=True))
        folds = [
            list(zip(fold["epoch"].astype(float), 100 * fold[column], strict=True))
            for _, fold in mine.groupby("part")
        ]
        thin = folds if len(folds) > 1 else []
        drawn.append(Series(EPOCH_WORDS[covers], group, [Spot(*point) for point in line], line, thin=thin))
    return drawn


def _percent(values: pd.Series) -> str:
    return f"{100 * values.mean():.1f} %"
