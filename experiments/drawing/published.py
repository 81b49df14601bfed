"""The picture of the published results: accuracy with its interval, in groups, beside the largest genre.

    python -m coverfusion.experiments.drawing.published experiments/results/leaderboard.csv

writes `leaderboard.png` beside the table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

LOWEST, STEP = 0.2, 0.05  # of the axis
LARGEST_GENRE = 0.225  # accuracy of always predicting the largest genre of these covers
INK, QUIET, GRID = "#1f2937", "#6b7280", "#e5e7eb"
# blue, green, orange and purple that colour-blind people tell apart
GROUP_COLOURS = ("#0072b2", "#009e73", "#d55e00", "#a3467e")
ROW_HEIGHT, MARGINS, GAP = 0.25, 1.42, 0.8  # inches, inches, rows between groups
DOTS_PER_INCH = 200
TITLE = "Genre from the cover alone: 3,483 covers, five genres"
BELOW_TITLE = "five grouped folds, packaged weights; one block alone is seen by kernel_ridge"


def results_figure(table: pd.DataFrame) -> Figure:
    """Draws one row a model, under the heading of its group.

    Args:
        table: columns `group`, `label`, `accuracy`, `low`, `high`; rows of a group stand together.

    Returns:
        The figure, 8 inches wide.
    """
    groups = list(dict.fromkeys(table["group"]))
    height = MARGINS + ROW_HEIGHT * (len(table) + GAP * (len(groups) - 1))
    figure = Figure(figsize=(8, height), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.39, 0.62 / height, 0.53, 1 - MARGINS / height))
    y = -1.0
    for group, colour in zip(groups, GROUP_COLOURS, strict=False):
        figure_x = axes.get_yaxis_transform()
        axes.text(-0.698, y + 1, group, transform=figure_x, color=colour, fontweight="bold", va="center")
        for row in table[table["group"] == group].to_dict("records"):
            y += 1
            _draw_row(axes, y, row, colour)
        y += GAP
    _finish(axes, y - GAP, float(table["high"].max()))
    figure.text(0.02, 1 - 0.3 / height, TITLE, color=INK, fontsize=13, fontweight="bold", va="center")
    figure.text(0.02, 1 - 0.56 / height, BELOW_TITLE, color=QUIET, va="center")
    return figure


def _draw_row(axes: Axes, y: float, row: Mapping[Hashable, Any], colour: str) -> None:
    accuracy = row["accuracy"]
    axes.plot(
        [row["low"], row["high"]], [y, y], color=colour, linewidth=5, alpha=0.28, solid_capstyle="round"
    )
    axes.plot(
        [accuracy], [y], marker="o", color=colour, markersize=6.5, markeredgecolor="white", linestyle=""
    )
    beside = axes.get_yaxis_transform()
    axes.text(-0.02, y, row["label"], transform=beside, ha="right", va="center", color=INK)
    axes.text(1.015, y, f"{accuracy:.3f}", transform=beside, va="center", color=INK)


def _finish(axes: Axes, bottom: float, highest: float) -> None:
    """Axes and the line of the largest genre; no interval is cut off on the right."""
    highest = np.ceil(highest / STEP) * STEP
    axes.set_ylim(bottom + 0.7, -0.7)
    axes.set_xlim(LOWEST, highest)
    axes.axvline(LARGEST_GENRE, color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.text(
        LARGEST_GENRE + 0.004, 0, f"always the largest genre: {LARGEST_GENRE}", color=QUIET, va="center"
    )
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.set_yticks([])
    axes.set_xticks(np.arange(LOWEST, highest + STEP / 2, STEP))
    axes.tick_params(axis="x", length=0, colors=QUIET)
    axes.set_xlabel("accuracy on covers of other folds; bars: 95 % intervals", color=QUIET)


def draw_results(table: str | os.PathLike[str]) -> Path:
    """Draws a CSV table of results into a PNG of the same name beside it.

    Returns:
        The picture's path.
    """
    picture = Path(table).with_suffix(".png")
    results_figure(pd.read_csv(table)).savefig(picture, dpi=DOTS_PER_INCH)
    return picture


if __name__ == "__main__":
    draw_results(sys.argv[1])
