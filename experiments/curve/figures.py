"""Pictures of a learning-curve study: the curves with what doubling would bring, and what balancing does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from coverfusion.experiments.curve.balance import BALANCES
from coverfusion.experiments.curve.power_law import PowerLaw
from coverfusion.experiments.drawing.labels import label, largest
from coverfusion.experiments.drawing.panels import NARROW, WIDE, marks_above, panels_of, save_looks
from coverfusion.experiments.drawing.words import records

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# a balance has a colour and a shape of its own
BALANCE_COLOURS = dict(zip(BALANCES, ("fused", "alone", "right"), strict=True))
BALANCE_SHAPES = dict(zip(BALANCES, ("o", "D", "^"), strict=True))


def draw_curve(
    folder: Path, pooled: pd.DataFrame, laws: pd.DataFrame, balance: pd.DataFrame, chance: float
) -> list[str]:
    """Draws `figures/curve*.png`, and `figures/balance*.png` where several balances were tried.

    Each comes in light and dark, and in one column for phones.

    Args:
        folder: of the study.
        pooled: its scores by size.
        laws: its power laws.
        balance: its table of balances.
        chance: accuracy of always saying the largest genre.

    Returns:
        The pictures' names, without their endings.
    """

    def draw(palette: Mapping[str, str], columns: int) -> dict[str, Figure]:
        drawn = {"curve": curve_figure(pooled, laws, chance, palette, columns)}
        if balance["balance"].nunique() > 1:
            drawn["balance"] = balance_figure(balance, palette, columns)
        return drawn

    return save_looks(folder, draw)


def curve_figure(
    pooled: pd.DataFrame, laws: pd.DataFrame, chance: float, palette: Mapping[str, str], columns: int
) -> Figure:
    """A panel a classifier: accuracy with its interval at each size, and the law up to twice the data.

    All other classifiers stand behind in grey, so that panels can be compared.
    """
    accuracy = pooled[pooled["score"] == "accuracy"]
    names = list(dict.fromkeys(laws["classifier"]))
    figure, panels = _panels(names, palette, columns, height=2.5)
    for name, axes in panels.items():
        for other, part in accuracy[accuracy["balance"] == laws["balance"].iloc[0]].groupby("classifier"):
            if other != name:
                axes.plot(part["size"], 100 * part["value"], color=palette["line"], linewidth=1, zorder=1)
        axes.axhline(100 * chance, color=palette["chance"], linewidth=1, linestyle=":", zorder=1)
        for step, law in enumerate(records(laws[laws["classifier"] == name])):
            points = accuracy[(accuracy["classifier"] == name) & (accuracy["balance"] == law["balance"])]
            _curve(axes, points, law, palette, beside=1.03**step)
        _size_axis(axes, sorted(accuracy["size"].unique()))
    axes = next(iter(panels.values()))
    axes.annotate(
        "largest genre",
        (accuracy["size"].min(), 100 * chance),
        (0, 3),
        textcoords="offset points",
        fontsize=8,
        color=palette["muted"],
    )
    _legend(figure, list(dict.fromkeys(laws["balance"])), palette)
    figure.supxlabel(
        "training covers (logarithmic); hollow: twice all, predicted", fontsize=9, color=palette["muted"]
    )
    figure.supylabel("accuracy, %", fontsize=9, color=palette["muted"])
    return figure


def balance_figure(balance: pd.DataFrame, palette: Mapping[str, str], columns: int) -> Figure:
    """A panel a classifier: accuracy, macro F1 and each genre's F1 under every balance, with intervals."""
    names = list(dict.fromkeys(balance["classifier"]))
    balances = list(dict.fromkeys(balance["balance"]))
    shown = balance[balance["score"].isin(["accuracy", "f1_macro", "f1"])]
    covers = shown[shown["genre"] != ""].drop_duplicates("genre").set_index("genre")["covers"].to_dict()
    genres, which = largest(covers)
    rows = [("accuracy", ""), ("f1_macro", ""), *(("f1", genre) for genre in genres)]
    labels = ["accuracy", "macro F1", *(f"{label(genre)} ({covers[genre]:,})" for genre in genres)]
    figure, panels = _panels(names, palette, columns, height=0.7 + 0.42 * len(rows))
    for name, axes in panels.items():
        mine = {
            (row["balance"], row["score"], row["genre"]): row
            for row in records(shown[shown["classifier"] == name])
        }
        for y, (score, genre) in enumerate(rows):
            for step, kind in enumerate(balances):
                at = y + 0.24 * (step - (len(balances) - 1) / 2)
                row = mine[kind, score, genre]
                colour = palette[BALANCE_COLOURS[kind]]
                axes.plot(
                    [100 * row["low"], 100 * row["high"]], [at, at], color=colour, linewidth=1.6, alpha=0.6
                )
                axes.plot([100 * row["value"]], [at], color=colour, marker=BALANCE_SHAPES[kind], markersize=5)
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.5, -0.5)  # the first row on top, in shared axes too
        axes.axhline(1.5, color=palette["line"], linewidth=1)
        axes.grid(axis="x", color=palette["grid"])
        axes.tick_params(left=False)
    _legend(figure, balances, palette)
    figure.supxlabel(
        f"accuracy, or F1 of a genre (covers){which}, %; intervals of at least 95 %",
        fontsize=9,
        color=palette["muted"],
    )
    return figure


def curve_words(laws: pd.DataFrame) -> str:
    """The text alternative of the curves."""
    return "; ".join(
        f"{law['classifier']}, {BALANCES[law['balance']]}: {100 * law['accuracy']:.1f} % with "
        f"{law['largest']:,} training covers, {100 * law['per_doubling']:+.1f} points with each doubling"
        for law in records(laws)
    )


def balance_words(balance: pd.DataFrame) -> str:
    """The text alternative of the balances."""
    shown = balance[balance["score"].isin(["accuracy", "f1_macro"])]
    return "; ".join(
        f"{row['classifier']}, {BALANCES[row['balance']]}: "
        f"{'macro F1' if row['score'] == 'f1_macro' else row['score']} {100 * row['value']:.1f} %"
        for row in records(shown)
    )


def _curve(
    axes: Axes, points: pd.DataFrame, law: dict[str, Any], palette: Mapping[str, str], beside: float
) -> None:
    """Points with intervals, moved a little where several balances stand together, and the fitted law."""
    colour, shape = palette[BALANCE_COLOURS[law["balance"]]], BALANCE_SHAPES[law["balance"]]
    sizes, value = beside * points["size"].to_numpy(), 100 * points["value"].to_numpy()
    low, high = 100 * points["low"].to_numpy(), 100 * points["high"].to_numpy()
    axes.vlines(sizes, low, high, color=colour, linewidth=1.6, alpha=0.6, zorder=2)
    axes.plot(sizes, value, color=colour, marker=shape, linestyle="", markersize=5, zorder=3)
    if law["verdict"] == "short":
        return
    n = np.geomspace(law["smallest"], 2 * law["largest"], 60)
    fitted = 100 * (1 - np.asarray(PowerLaw(law["a"], law["b"], law["c"]).error(n)))
    inside = n <= law["largest"]
    axes.plot(n[inside], fitted[inside], color=colour, linewidth=1.4, zorder=2)
    if law["verdict"] == "flat":
        return
    axes.plot(n[~inside], fitted[~inside], color=colour, linewidth=1.4, linestyle=(0, (3, 2)), zorder=2)
    now, then = fitted[-1] - 100 * law["gain"], beside * 2 * law["largest"]
    low, high = now + 100 * law["gain_low"], now + 100 * law["gain_high"]
    axes.vlines(then, low, high, color=colour, linewidth=1.6)
    hollow: dict[str, Any] = {"marker": shape, "markerfacecolor": palette["surface"], "markersize": 5}
    axes.plot(then, fitted[-1], color=colour, zorder=3, **hollow)


def _size_axis(axes: Axes, sizes: Sequence[int]) -> None:
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log")
    shown = [*sizes[::-2][::-1], 2 * sizes[-1]] if len(sizes) > 4 else [*sizes, 2 * sizes[-1]]
    axes.set_xticks(shown, [f"{size:,}" for size in shown], fontsize=8)
    axes.xaxis.set_minor_locator(NullLocator())


def _panels(
    names: Sequence[str], palette: Mapping[str, str], columns: int, height: float
) -> tuple[Figure, dict[str, Axes]]:
    figure, panels = panels_of(
        names, palette, columns, WIDE, height, sharey=True, sharex=columns != NARROW, panel_width=3.3
    )
    for name, axes in panels.items():
        axes.set_title(name, loc="left", fontsize=10, fontweight="bold", color=palette["ink"])
        axes.tick_params(labelbottom=True, left=True)
    return figure, panels


def _legend(figure: Figure, balances: Sequence[str], palette: Mapping[str, str]) -> None:
    if len(balances) < 2:
        return
    from matplotlib.lines import Line2D

    marks = [
        Line2D(
            [],
            [],
            color=palette[BALANCE_COLOURS[kind]],
            marker=BALANCE_SHAPES[kind],
            markersize=5,
            label=BALANCES[kind],
        )
        for kind in balances
    ]
    marks_above(figure, marks, len(marks), palette, handlelength=1.2)
