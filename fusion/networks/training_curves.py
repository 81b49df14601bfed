"""The curves of a training: log loss and accuracy an epoch, and the learning rate range test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEARNT, HELD_OUT = "#b34f0e", "#0072b2"  # told apart by the colour-blind (Okabe and Ito)
SHOWN = {"log loss": ("log_loss", "held_out_loss"), "accuracy": ("accuracy", "held_out_accuracy")}


def draw_training_curves(history: pd.DataFrame, path: Path) -> None:
    """Log loss and accuracy, of the training covers and of those held out where there are any, as a PNG.

    Args:
        history: `epoch`, `log_loss`, `accuracy`; `held_out_loss`, `held_out_accuracy` where there are any.
        path: of the picture.
    """
    from matplotlib.ticker import MaxNLocator

    figure = _figure(9)
    for axes, (what, (learnt, held_out)) in zip(figure.subplots(1, 2), SHOWN.items(), strict=True):
        axes.plot(history["epoch"], history[learnt], "D--", color=LEARNT, label="training covers, as changed")
        if held_out in history:
            axes.plot(history["epoch"], history[held_out], "o-", color=HELD_OUT, label="held out")
        axes.set(xlabel="epoch", ylabel=what, xlim=(0.7, max(history["epoch"].max(), 2) + 0.3))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    _finish(figure, axes, path)


def draw_range_test(tried: pd.DataFrame, chosen: float, path: Path) -> None:
    """The loss against the learning rate, the chosen one marked, as a PNG."""
    figure = _figure(6)
    axes = figure.subplots()
    axes.plot(tried["learning_rate"], tried["loss"], color=HELD_OUT, alpha=0.4, label="loss of a batch")
    axes.plot(tried["learning_rate"], tried["loss"].ewm(span=8).mean(), color=HELD_OUT, label="smoothed")
    axes.axvline(chosen, color=LEARNT, linestyle="--", label=f"falls fastest: {chosen:.1e}")
    axes.set(xscale="log", xlabel="learning rate of the new parts", ylabel="loss")
    axes.spines[["top", "right"]].set_visible(False)
    _finish(figure, axes, path)


def _figure(width: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _finish(figure: Figure, axes: Axes, path: Path) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=110)
