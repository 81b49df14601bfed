"""Forest plot of the paired comparisons of several runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from coverfusion.experiments.drawing.forest import dot, new_figure
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.compared import METHODS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def comparison_figure(table: pd.DataFrame) -> Figure:
    """Differences in a metric with intervals; a filled mark is significant after Holm."""
    metric = METRICS[table["metric"].iloc[0]]
    figure, axes = new_figure(len(table))
    shown = table[::-1].to_dict("records")
    for y, row in enumerate(shown):
        value, low, high = (metric.scale * row[name] for name in ("difference", "low", "high"))
        dot(axes, y, value, low, high, 0, filled=row["p_holm"] < 0.05)
    axes.set_yticks(range(len(shown)), [f"{row['first']}\nagainst {row['second']}" for row in shown])
    axes.axvline(0, color="#666666", linewidth=1)
    how = " and ".join(METHODS[name] for name in table["method"].unique())
    axes.set_xlabel(f"{metric.gain}, 95 % interval ({how}); filled: Holm's p < 0.05")
    return figure
