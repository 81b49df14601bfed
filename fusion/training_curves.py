"""The curves of a training: loss and accuracy an epoch, and the learning rate range test."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

LEARNT, HELD_OUT = "#0072b2", "#d55e00"  # told apart by the colour-blind (Okabe and Ito)


def draw(history: pd.DataFrame, path: Path) -> None:
    """Loss and accuracy, of the training covers and of those held out where there are any, as a PNG.

    Args:
        history: `epoch`, `loss`, `accuracy`, and `held_out_loss`, `held_out_accuracy` where there are any.
        path: of the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(history["epoch"], history[what], "o-", color=LEARNT, label="training covers, as changed")
        if f"held_out_{what}" in history:
            axes.plot(history["epoch"], history[f"held_out_{what}"], "s--", color=HELD_OUT, label="held out")
        axes.set(xlabel="epoch", ylabel=what)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def draw_range_test(tried: pd.DataFrame, chosen: float, path: Path) -> None:
    """The loss against the learning rate, the chosen one marked, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot(tried["learning_rate"], tried["loss"], color=LEARNT, alpha=0.4, label="loss of a batch")
    axes.plot(tried["learning_rate"], tried["loss"].ewm(span=8).mean(), color=LEARNT, label="smoothed")
    axes.axvline(chosen, color=HELD_OUT, linestyle="--", label=f"falls fastest: {chosen:.1e}")
    axes.set(xscale="log", xlabel="learning rate of the new parts", ylabel="loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)
