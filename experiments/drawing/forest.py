"""What forest plots share: a figure, a dot with its interval, colours and shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind people tell apart; a shape a classifier as well
CLASSIFIER_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#000000")
CLASSIFIER_SHAPES = ("o", "s", "^", "D", "v", "P", "X", "*")


def new_figure(rows: int, width: float = 9.0) -> tuple[Figure, Axes]:
    """An empty forest plot.

    Args:
        rows: that it will have; its height follows.
        width: in inches.
    """
    from coverfusion.experiments.drawing.plain_figure import PlainFigure

    figure = PlainFigure(figsize=(width, 1.5 + 0.3 * max(rows, 2)), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.grid(axis="x", color="#e5e5e5")
    axes.set_axisbelow(True)
    return figure, axes


def dot(axes: Axes, y: int, value: float, low: float, high: float, look: int, filled: bool = True) -> None:
    """A value with its interval, as one row of a forest plot.

    Args:
        axes: of the plot.
        y: the row.
        value: the dot.
        low: lower end of the interval.
        high: upper end of the interval.
        look: number of the colour and shape, of a classifier for instance.
        filled: whether the dot is filled or hollow.
    """
    colour = CLASSIFIER_COLOURS[look % len(CLASSIFIER_COLOURS)]
    shape = CLASSIFIER_SHAPES[look % len(CLASSIFIER_SHAPES)]
    axes.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="round")
    face = colour if filled else "white"
    axes.plot([value], [y], marker=shape, color=colour, markerfacecolor=face, markersize=7, linestyle="")
