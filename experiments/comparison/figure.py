"""Forest plot of the paired comparisons of several runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from coverfusion.experiments.drawing.forest import dot, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = {"folds": "corrected t over folds", "groups": "sign-flips over groups"}


def comparison_figure(table: pd.DataFrame) -> Figure:
    """Differences in accuracy with intervals; a filled mark is significant after Holm."""
    figure, axes = new_figure(len(table))
    shown = table[::-1].to_dict("records")
    for y, row in enumerate(shown):
        dot(axes, y, row["difference"], row["low"], row["high"], 0, filled=row["p_holm"] < 0.05)
    axes.set_yticks(range(len(shown)), [f"{row['first']}\nagainst {row['second']}" for row in shown])
    axes.axvline(0, color="#666666", linewidth=1)
    how = " and ".join(METHODS[name] for name in table["method"].unique())
    axes.set_xlabel(f"difference in accuracy, 95 % interval ({how}); filled: Holm's p < 0.05")
    return figure
