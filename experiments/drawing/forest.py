"""What forest plots share: a figure, a dot with its interval, colours and shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind people tell apart; a shape a classifier as well
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#000000")
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "*")


def new_figure(rows: int, width: float = 9.0) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 1.5 + 0.3 * max(rows, 2)), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.grid(axis="x", color="#e5e5e5")
    axes.set_axisbelow(True)
    return figure, axes


def dot(axes: Axes, y: int, value: float, low: float, high: float, look: int, filled: bool = True) -> None:
    colour, shape = COLOURS[look % len(COLOURS)], SHAPES[look % len(SHAPES)]
    axes.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="round")
    face = colour if filled else "white"
    axes.plot([value], [y], marker=shape, color=colour, markerfacecolor=face, markersize=7, linestyle="")
