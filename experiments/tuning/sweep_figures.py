"""Pictures of a sweep: scores against the parameter, and the epochs of each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from coverfusion.experiments.drawing.epochs import epoch_figure
from coverfusion.experiments.drawing.panels import STYLES, legend, panels_of, save_looks, short
from coverfusion.experiments.drawing.words import records
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric
from coverfusion.experiments.pipeline.cached_fits import TRAINING, VALIDATION
from coverfusion.experiments.tuning.values import is_number, label, spans_decades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALWAYS_SHOWN = ("accuracy", "log_loss")  # beside the metric that the sweep ranks by


def draw_sweep(
    folder: Path,
    table: pd.DataFrame,
    values: Sequence[Any],
    epochs: pd.DataFrame | None,
    parameter: str,
    chance: float,
    metric: Metric,
) -> list[str]:
    """Draws `figures/sweep*.png`, and `figures/epochs*.png` where there are epochs; light, dark and narrow.

    Args:
        folder: of the study.
        table: `values.csv`.
        values: all that were tried, in their order.
        epochs: `epochs.csv`, or None.
        parameter: its name.
        chance: accuracy of always saying the largest genre.
        metric: that chose the best value.

    Returns:
        The pictures' names, without their endings.
    """

    def draw(palette: Mapping[str, str], columns: int) -> dict[str, Figure]:
        drawn = {"sweep": sweep_figure(table, values, parameter, chance, metric, palette, columns)}
        if epochs is not None:
            names = [label(value) for value in values]
            drawn["epochs"] = epoch_figure(epochs, names, parameter, palette, columns)
        return drawn

    return save_looks(folder, draw)


def sweep_figure(
    table: pd.DataFrame,
    values: Sequence[Any],
    parameter: str,
    chance: float,
    metric: Metric,
    palette: Mapping[str, str],
    columns: int,
) -> Figure:
    """Accuracy, log loss and the metric of training and validation covers against the parameter.

    With their intervals.
    """
    shown = {each.column: each for each in METRICS.values() if each.name in (*ALWAYS_SHOWN, metric.name)}
    figure, panels = panels_of(list(shown), palette, columns, wide=2, height=3.0, sharey=False)
    axis = Places(values)
    for name, axes in panels.items():
        times = shown[name].scale
        for covers, (colour, shape, line) in STYLES.items():
            rows = table[table["covers"] == covers].set_index("value").loc[[label(v) for v in values]]
            low, high = times * rows[f"{name}_low"], times * rows[f"{name}_high"]
            at = axis.beside(-1 if covers == TRAINING else 1)
            axes.vlines(at, low, high, color=palette[colour], linewidth=1.6, alpha=0.6)
            axes.plot(
                at,
                times * rows[name],
                color=palette[colour],
                marker=shape,
                markersize=5,
                linestyle=line if axis.numbers else "",
                linewidth=1.3,
                label=covers,
            )
        best = table[table["best"].eq(True)].iloc[0]
        where = axis.beside(1)[[label(v) for v in values].index(best["value"])]
        ring: dict[str, Any] = {"markersize": 11, "markerfacecolor": "none", "color": palette["fused"]}
        axes.plot(where, times * best[name], "o", **ring)
        axis.set_on(axes)
        axes.set_xlabel(f"{parameter}{' (logarithmic)' if axis.log else ''}", color=palette["muted"])
        title = shown[name].label + (", %" if shown[name].percent else "")
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=palette["ink"])
    accuracy = panels["accuracy"]
    accuracy.axhline(100 * chance, color=palette["chance"], linewidth=1, linestyle=":")
    accuracy.annotate(
        "largest genre",
        (0, 100 * chance),
        (2, -11),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=8,
        color=palette["muted"],
    )
    legend(figure, palette, {name: f"{name} covers" for name in STYLES})
    return figure


def sweep_words(table: pd.DataFrame, parameter: str, metric: Metric) -> str:
    """The text alternative of the sweep."""
    name = metric.column
    learnt = {row["value"]: row[name] for row in records(table[table["covers"] == TRAINING])}
    return "; ".join(
        f"{parameter} {row['value']}: {metric.of(row[name], 'validation covers')} "
        f"({metric.shown(row[f'{name}_low'])} to {metric.shown(row[f'{name}_high'])}), "
        f"{metric.shown(learnt[row['value']])} on training covers"
        for row in records(table[table["covers"] == VALIDATION])
    )


class Places:
    """Where values stand on an axis: numbers in their place, others side by side."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = list(values)
        self.numbers = all(map(is_number, values)) and len(values) > 1
        self.log = self.numbers and spans_decades(values)

    def beside(self, side: int) -> list[float]:
        """The places, a little to the left (-1) or right (1), so that intervals do not hide each other."""
        if self.log:
            step = (max(self.values) / min(self.values)) ** (0.006 * side)
            return [value * step for value in self.values]
        if self.numbers:
            return [value + 0.006 * side * (max(self.values) - min(self.values)) for value in self.values]
        return [place + 0.08 * side for place in range(len(self.values))]

    def set_on(self, axes: Axes) -> None:
        """Scale, ticks and their labels."""
        from matplotlib.ticker import NullLocator

        if self.log:
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(NullLocator())
        names = [short(label(value)) for value in self.values]
        if not self.numbers:
            axes.set_xlim(-0.5, len(names) - 0.5)
        places = self.values if self.numbers else range(len(names))
        rotation, anchor = (35, "right") if sum(map(len, names)) > 36 else (0, "center")
        axes.set_xticks(list(places), names, fontsize=8, rotation=rotation, ha=anchor)
