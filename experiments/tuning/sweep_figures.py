"""Pictures of a sweep: scores against the parameter, and the epochs of each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from coverfusion.experiments.drawing.epochs import epoch_figure
from coverfusion.experiments.drawing.panels import STYLES, legend, panels_of, save_looks, short
from coverfusion.experiments.drawing.words import records
from coverfusion.experiments.pipeline.cached_fits import TRAINING, VALIDATION
from coverfusion.experiments.tuning.values import is_number, label, spans_decades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN_SCORES = {"accuracy": "accuracy, %", "log_loss": "log loss"}


def draw_sweep(
    folder: Path,
    table: pd.DataFrame,
    values: Sequence[Any],
    epochs: pd.DataFrame | None,
    parameter: str,
    chance: float,
) -> list[str]:
    """Draws `figures/sweep*.png`, and `figures/epochs*.png` where there are epochs; light, dark and narrow.

    Args:
        folder: of the study.
        table: `values.csv`.
        values: all that were tried, in their order.
        epochs: `epochs.csv`, or None.
        parameter: its name.
        chance: accuracy of always saying the largest genre.

    Returns:
        The pictures' names, without their endings.
    """

    def draw(palette: Mapping[str, str], columns: int) -> dict[str, Figure]:
        drawn = {"sweep": sweep_figure(table, values, parameter, chance, palette, columns)}
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
    palette: Mapping[str, str],
    columns: int,
) -> Figure:
    """Accuracy and log loss of training and validation covers against the parameter, with their intervals."""
    figure, panels = panels_of(list(SHOWN_SCORES), palette, columns, wide=2, height=3.0, sharey=False)
    axis = Places(values)
    for name, axes in panels.items():
        times = 100 if name == "accuracy" else 1
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
        axes.set_title(SHOWN_SCORES[name], loc="left", fontsize=10, fontweight="bold", color=palette["ink"])
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


def sweep_words(table: pd.DataFrame, parameter: str) -> str:
    """The text alternative of the sweep."""
    learnt = {row["value"]: row["accuracy"] for row in records(table[table["covers"] == TRAINING])}
    return "; ".join(
        f"{parameter} {row['value']}: {100 * row['accuracy']:.1f} % of validation covers right "
        f"({100 * row['accuracy_low']:.1f} to {100 * row['accuracy_high']:.1f}), "
        f"{100 * learnt[row['value']]:.1f} % of training covers"
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
