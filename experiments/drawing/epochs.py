"""Pictures of trainings: accuracy epoch by epoch, a panel a value or model."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from coverfusion.experiments.drawing.panels import STYLES, legend, panels_of, short
from coverfusion.experiments.pipeline.cached_fits import TRAINING, VALIDATION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPOCH_COLUMNS = {TRAINING: "accuracy", VALIDATION: "held_out_accuracy"}
PRECISION_NAMES = {"32": "float32", "bf16": "bfloat16", "16": "float16"}


def epoch_figure(
    epochs: pd.DataFrame, names: Sequence[str], parameter: str, palette: Mapping[str, str], columns: int
) -> Figure:
    """A panel a value: accuracy epoch by epoch, thin for each fold, thick their mean.

    Args:
        epochs: `history.csv` of all fits, with `value` and `part`.
        names: the values, in their order.
        parameter: whose values they are; "" for models.
        palette: colours.
        columns: panels side by side.
    """
    from matplotlib.ticker import MaxNLocator

    shown = [name for name in names if (epochs["value"] == name).any()]
    figure, panels = panels_of(shown, palette, columns, wide=3, height=2.2, sharey=True)
    for name, axes in panels.items():
        mine = epochs[epochs["value"] == name]
        for covers, (colour, shape, line) in STYLES.items():
            column = EPOCH_COLUMNS[covers]
            if column not in mine or mine[column].isna().all():
                continue
            for _, fold in mine.groupby("part"):
                axes.plot(fold["epoch"], 100 * fold[column], color=palette[colour], linewidth=0.7, alpha=0.5)
            mean = 100 * mine.groupby("epoch")[column].mean()
            axes.plot(mean.index, mean, color=palette[colour], linestyle=line, marker=shape, markersize=3.5)
        title = f"{parameter} = {short(name)}" if parameter else textwrap.fill(name, 38)
        axes.set_title(title, loc="left", fontsize=9, color=palette["ink"])
        axes.set_xlim(0.7, max(mine["epoch"].max(), 2) + 0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.supxlabel("epoch", fontsize=9, color=palette["muted"])
    figure.supylabel("accuracy, %", fontsize=9, color=palette["muted"])
    words = {TRAINING: "training covers, as changed"}
    if EPOCH_COLUMNS[VALIDATION] in epochs:
        words[VALIDATION] = "held out inside the training covers"
    legend(figure, palette, words)
    return figure


def epoch_words(epochs: pd.DataFrame, parameter: str) -> str:
    """The text alternative of the epochs."""
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


def _percent(values: pd.Series) -> str:
    return f"{100 * values.mean():.1f} %"
