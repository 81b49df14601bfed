"""Pictures of a decision study: risk against coverage, reliability, sets against their guarantees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from coverfusion.experiments.drawing.charts import LIGHT
from coverfusion.fusion.uncertainty.conformal import METHODS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DECISION_DPI = 140
RULE_MARKS = {"guaranteed": ("fused", "o"), "plain": ("alone", "D")}  # colour and shape
METHOD_MARKS = dict(zip(METHODS, (("fused", "o"), ("alone", "D")), strict=True))


def draw_decision(folder: Path, tables: Mapping[str, pd.DataFrame], target: float) -> None:
    """Draws `risk_coverage.png`, `reliability.png` and `sets.png` from the tables of `decision.study`."""
    drawn = {
        "risk_coverage": risk_coverage_figure(tables["risk_coverage"], tables["abstention"], target),
        "reliability": reliability_figure(tables["reliability"]),
        "sets": sets_figure(tables["sets"]),
    }
    for name, figure in drawn.items():
        figure.savefig(folder / f"{name}.png", dpi=DECISION_DPI)


def risk_coverage_figure(curve: pd.DataFrame, abstention: pd.DataFrame, target: float) -> Figure:
    """The error among answered against the proportion answered, and where the target's thresholds end up."""
    figure, (axes,) = _figure(6.2, 4.2)
    x = 100 * curve["coverage"]
    axes.fill_between(
        x, 100 * curve["low"], 100 * curve["high"], color=LIGHT["cell"], alpha=0.35, linewidth=0
    )
    axes.plot(
        x,
        100 * curve["error"],
        color=LIGHT["fused"],
        linewidth=1.8,
        label="most confident first, 95 % interval",
    )
    axes.plot(
        x,
        100 * curve["perfect_order"],
        color=LIGHT["chance"],
        linewidth=1.2,
        linestyle=":",
        label="if all mistakes came last",
    )
    axes.axhline(100 * target, color=LIGHT["ink"], linewidth=1, linestyle=(0, (5, 3)))
    axes.annotate(
        f"target {100 * target:g} %",
        (100, 100 * target),
        (0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=9,
        color=LIGHT["ink"],
    )
    asked = abstention[(abstention["target"] == "error") & (abstention["wished"] == target)]
    for row in asked[asked["answered"] > 0].to_dict("records"):
        colour, shape = RULE_MARKS[str(row["rule"])]
        error = row["error"]
        axes.errorbar(
            100 * row["coverage"],
            100 * error,
            yerr=[[100 * (error - row["error_low"])], [100 * (row["error_high"] - error)]],
            color=LIGHT[colour],
            marker=shape,
            markersize=7,
            linestyle="",
            zorder=4,
            markeredgecolor=LIGHT["surface"],
            label=f"{row['rule']} threshold, on covers not learnt from",
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, max(5.0, float(100 * curve["high"].iloc[4:].max()) * 1.05))
    axes.set_xlabel("covers answered, %")
    axes.set_ylabel("wrong among answered, %")
    axes.legend(framealpha=1, edgecolor="none", fontsize=8, loc="lower right", labelcolor=LIGHT["ink"])
    return figure


def reliability_figure(bins: pd.DataFrame) -> Figure:
    """Accuracy against the probability given, before and after calibration; below, how many covers."""
    figure, panels = _figure(8.0, 4.2, 2)
    most = bins["covers"].max()
    for axes, when in zip(panels, ("before", "after"), strict=True):
        own = bins[bins["when"] == when]
        axes.plot([0, 100], [0, 100], color=LIGHT["chance"], linewidth=1, linestyle=":")
        axes.bar(
            50 * (own["low"] + own["high"]),
            18 * own["covers"] / most,
            width=100 / 15 - 0.8,
            color=LIGHT["line"],
            zorder=1,
        )
        axes.vlines(
            100 * own["confidence"],
            100 * own["accuracy_low"],
            100 * own["accuracy_high"],
            color=LIGHT["fused"],
            linewidth=1.6,
            alpha=0.6,
        )
        axes.plot(
            100 * own["confidence"],
            100 * own["accuracy"],
            color=LIGHT["fused"],
            marker="o",
            markersize=5,
            linewidth=1,
        )
        axes.set_title(f"{when} calibration", loc="left", fontsize=10, fontweight="bold", color=LIGHT["ink"])
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.set_aspect("equal")
        axes.set_xlabel("highest probability, %")
    panels[0].set_ylabel("right, % (95 % interval); bars: covers")
    return figure


def sets_figure(sets: pd.DataFrame) -> Figure:
    """Each split's coverage beside the guarantee, and the sets' mean size."""
    figure, (left, right) = _figure(8.0, 3.6, 2)
    guarantees = list(dict.fromkeys(sets["guarantee"]))
    rng = np.random.default_rng(0)
    for at, guarantee in enumerate(guarantees):
        left.plot([at - 0.4, at + 0.4], [100 * guarantee] * 2, color=LIGHT["ink"], linewidth=1.2)
        left.fill_between(
            [at - 0.4, at + 0.4],
            100 * guarantee - 2,
            100 * guarantee + 2,
            color=LIGHT["grid"],
            linewidth=0,
            zorder=0,
        )
    for step, method in enumerate(METHODS):
        colour, shape = METHOD_MARKS[method]
        for at, guarantee in enumerate(guarantees):
            own = sets[(sets["method"] == method) & (sets["guarantee"] == guarantee)]
            x = at + 0.4 * (step - 0.5) + rng.uniform(-0.12, 0.12, len(own))
            left.plot(
                x,
                100 * own["coverage"],
                shape,
                color=LIGHT[colour],
                markersize=3.5,
                alpha=0.6,
                label=method if not at else None,
            )
            at_mean = (at + 0.4 * (step - 0.5), own["size"].mean())
            right.plot(*at_mean, shape, color=LIGHT[colour], markersize=7)
            right.annotate(
                f"{at_mean[1]:.2f}",
                at_mean,
                (0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=LIGHT["ink"],
            )
    for axes in (left, right):
        axes.set_xticks(range(len(guarantees)), [f"{100 * guarantee:g} %" for guarantee in guarantees])
        axes.set_xlim(-0.6, len(guarantees) - 0.4)
        axes.set_xlabel("guarantee")
    right.set_ylim(0, 1.15 * float(sets["size"].max()))
    left.set_ylabel("sets that hold the true genre, %\none mark a split; band: 2 points")
    right.set_ylabel("genres in a set, mean")
    left.legend(frameon=False, fontsize=8, loc="lower right", labelcolor=LIGHT["ink"])
    return figure


def _figure(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    from coverfusion.experiments.drawing.plain_figure import PlainFigure

    figure = PlainFigure(figsize=(width, height), layout="constrained", facecolor=LIGHT["surface"])
    made = list(figure.subplots(1, panels, squeeze=False).ravel())
    for axes in made:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(LIGHT["line"])
        axes.tick_params(colors=LIGHT["ink"], labelsize=9)
        axes.grid(color=LIGHT["grid"])
        axes.set_axisbelow(True)
    return figure, made
