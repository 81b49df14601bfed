"""Pictures of a decision study: risk against coverage, reliability, sets and genres against guarantees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from coverfusion.experiments.decision.findings import SPOKEN_GUARANTEE
from coverfusion.experiments.decision.tables import RULE_BY_GENRE
from coverfusion.experiments.drawing.charts import LIGHT
from coverfusion.fusion.uncertainty.conformal import METHODS
from coverfusion.fusion.uncertainty.decision import BY_GENRE, KINDS, MARGINAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DECISION_DPI = 140
# colour and shape
RULE_MARKS = {"guaranteed": ("fused", "o"), RULE_BY_GENRE: ("right", "s"), "plain": ("alone", "D")}
KIND_MARKS = {MARGINAL: ("alone", "D"), BY_GENRE: ("fused", "o")}
METHOD_MARKS = dict(zip(METHODS, (("fused", "o"), ("alone", "D")), strict=True))


def draw_decision(folder: Path, tables: Mapping[str, pd.DataFrame], target: float) -> None:
    """Draws `risk_coverage`, `reliability`, `sets` and `genres.png` from the tables of `decision.study`."""
    drawn = {
        "risk_coverage": risk_coverage_figure(tables["risk_coverage"], tables["abstention"], target),
        "reliability": reliability_figure(tables["reliability"]),
        "sets": sets_figure(tables["sets"]),
        "genres": genres_figure(tables["sets_by_genre"], tables["predicted"], target),
    }
    for name, figure in drawn.items():
        figure.savefig(folder / f"{name}.png", dpi=DECISION_DPI)


def risk_coverage_figure(curve: pd.DataFrame, abstention: pd.DataFrame, target: float) -> Figure:
    """The error among answered against the proportion answered, and where the target's thresholds end up."""
    figure, (axes,) = _figure(6.2, 5.0)
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
    figure.legend(
        loc="outside upper left",
        ncols=1,
        frameon=False,
        fontsize=8,
        labelcolor=LIGHT["ink"],
    )
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
    """Each split's coverage beside the guarantee, and the mean size; marks of marginal sets are open."""
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
    for step, (method, kind) in enumerate((method, kind) for method in METHODS for kind in KINDS):
        colour, shape = METHOD_MARKS[method]
        fill: dict[str, Any] = {"color": LIGHT[colour]} | (
            {"markerfacecolor": "none"} if kind == MARGINAL else {}
        )
        for at, guarantee in enumerate(guarantees):
            own = sets[(sets["method"] == method) & (sets["sets"] == kind) & (sets["guarantee"] == guarantee)]
            middle = at + 0.2 * (step - 1.5)
            left.plot(
                middle + rng.uniform(-0.06, 0.06, len(own)),
                100 * own["coverage"],
                shape,
                markersize=3.5,
                alpha=0.6,
                label=f"{method}, {kind.replace('-', ' ')}" if not at else None,
                **fill,
            )
            at_mean = (middle, own["size"].mean())
            right.plot(*at_mean, shape, markersize=6, **fill)
            right.annotate(
                f"{at_mean[1]:.1f}",
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


def genres_figure(sets: pd.DataFrame, predicted: pd.DataFrame, target: float) -> Figure:
    """For each genre the coverage of its covers' sets, and the error among those answered as it."""
    genres = list(dict.fromkeys(sets["genre"]))
    figure, (left, right) = _figure(8.4, 1.5 + 0.42 * len(genres), 2)
    spoken = sets[sets["guarantee"] == SPOKEN_GUARANTEE]
    _genre_marks(left, genres, spoken, "sets", "coverage", "sets, ", SPOKEN_GUARANTEE)
    _genre_marks(right, genres, predicted, "thresholds", "error", "thresholds, ", target)
    for axes, line in ((left, SPOKEN_GUARANTEE), (right, target)):
        axes.axvline(100 * line, color=LIGHT["ink"], linewidth=1, linestyle=(0, (5, 3)))
        axes.set_xlim(-2, 102)
        axes.set_yticks(range(len(genres)), genres)
        axes.set_ylim(len(genres) - 0.5, -0.5)
        axes.legend(
            frameon=False,
            fontsize=8,
            loc="lower center",
            bbox_to_anchor=(0.5, 1),
            ncols=2,
            labelcolor=LIGHT["ink"],
        )
    right.set_yticklabels([])
    left.set_xlabel(f"{100 * SPOKEN_GUARANTEE:g} % sets that hold the genre's covers, %")
    right.set_xlabel(f"wrong among those answered as it, % (target {100 * target:g} %)")
    return figure


def _genre_marks(
    axes: Axes,
    genres: list[str],
    rows: pd.DataFrame,
    kind_column: str,
    value: str,
    label: str,
    line: float,
) -> None:
    for step, kind in enumerate(KINDS):
        colour, shape = KIND_MARKS[kind]
        own = rows[rows[kind_column] == kind]
        for genre in own.loc[own[value].isna(), "genre"]:
            at = (99 if line < 0.5 else 1, genres.index(genre) + 0.24 * (step - 0.5))  # away from the line
            side = "right" if line < 0.5 else "left"
            axes.annotate("none answered", at, va="center", ha=side, fontsize=7, color=LIGHT[colour])
        own = own[own[value].notna()]
        away = [100 * (own[value] - own[f"{value}_low"]), 100 * (own[f"{value}_high"] - own[value])]
        axes.errorbar(
            100 * own[value],
            [genres.index(genre) + 0.24 * (step - 0.5) for genre in own["genre"]],
            xerr=away,
            color=LIGHT[colour],
            marker=shape,
            markersize=6,
            linestyle="",
            label=f"{label}{kind.replace('-', ' ')}",
        )


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
