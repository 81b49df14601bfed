"""Pictures of a search: its course, which parameters mattered, and accuracy against each of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from coverfusion.experiments.drawing.panels import panels_of, save_looks
from coverfusion.experiments.drawing.words import records
from coverfusion.experiments.evaluation.chosen_metric import Metric
from coverfusion.experiments.tuning.values import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IMPORTANCE_TITLE = "which parameter mattered"


def draw_search(
    folder: Path,
    trials: pd.DataFrame,
    importance: pd.DataFrame,
    space: Mapping[str, Mapping[str, Any]],
    metric: Metric,
) -> list[str]:
    """Draws `figures/history*.png` and `figures/parameters*.png`, light, dark and narrow.

    Args:
        folder: of the study.
        trials: its trials.
        importance: of the parameters.
        space: parameter -> its range or choices, as in `study.json`.
        metric: of the trials.

    Returns:
        The pictures' names, without their endings.
    """

    def draw(palette: Mapping[str, str], columns: int) -> dict[str, Figure]:
        return {
            "history": history_figure(trials, importance, metric, palette, columns),
            "parameters": parameter_figure(trials, space, metric, palette, columns),
        }

    return save_looks(folder, draw)


def history_figure(
    trials: pd.DataFrame,
    importance: pd.DataFrame,
    metric: Metric,
    palette: Mapping[str, str],
    columns: int,
) -> Figure:
    """Every trial in its turn with the best so far, and the importances where there are any."""
    from matplotlib.ticker import MaxNLocator

    course = course_title(metric)
    names = [course, IMPORTANCE_TITLE] if len(importance) else [course]
    figure, panels = panels_of(names, palette, columns, wide=2, height=3.0, sharey=False)
    axes = panels[course]
    done = trials[trials["state"] == "finished"]
    cut = trials[(trials["state"] == "stopped") & trials["last"].notna()]
    values = metric.scale * done[metric.column]
    best = values.cummax() if metric.higher_is_better else values.cummin()
    axes.step(done["trial"], best, where="post", color=palette["fused"], linewidth=1.3, label="best so far")
    own = done[done["own"]]
    for rows, column, colour, shape, size, words in (
        (done, metric.column, "fused", "o", 4.5, "finished"),
        (cut, "last", "alone", "x", 5, "stopped early, last known"),
        (own, metric.column, "right", "D", 6.5, "the classifier's own values"),
    ):
        if len(rows):
            at, height = rows["trial"], metric.scale * rows[column]
            axes.plot(at, height, shape, color=palette[colour], markersize=size, label=words)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial", color=palette["muted"], fontsize=9)
    if len(importance):
        bars = panels[IMPORTANCE_TITLE]
        shown = importance.iloc[::-1]
        bars.barh(shown["parameter"], shown["importance"], color=palette["cell"], height=0.6)
        bars.grid(visible=False, axis="y")
        bars.grid(axis="x", color=palette["grid"])
        bars.set_xlabel("proportion of the importance", color=palette["muted"], fontsize=9)
    for name, panel in panels.items():
        panel.set_title(name, loc="left", fontsize=10, fontweight="bold", color=palette["ink"])
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=2,
        frameon=False,
        fontsize=8,
        labelcolor=palette["ink"],
    )
    return figure


def parameter_figure(
    trials: pd.DataFrame,
    space: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    palette: Mapping[str, str],
    columns: int,
) -> Figure:
    """A panel a parameter that was searched: the metric of the finished trials against its value."""
    free = [name for name, of in space.items() if len(of.get("values", [0, 0])) > 1]
    figure, panels = panels_of(free, palette, columns, wide=3, height=2.4, sharey=True)
    done, best = trials[trials["state"] == "finished"], best_of(trials, metric)
    for name, axes in panels.items():
        at, chosen = _places(done[name], best[name], space[name], axes)
        axes.plot(
            at, metric.scale * done[metric.column], "o", color=palette["fused"], markersize=4.5, alpha=0.75
        )
        ring: dict[str, Any] = {"markersize": 11, "markerfacecolor": "none", "color": palette["fused"]}
        axes.plot(chosen, metric.scale * best[metric.column], "o", **ring)
        scale = " (logarithmic)" if space[name].get("log") else ""
        axes.set_title(f"{name}{scale}", loc="left", fontsize=9, color=palette["ink"])
    figure.supylabel(course_title(metric), fontsize=9, color=palette["muted"])
    return figure


def course_title(metric: Metric) -> str:
    """What trials are judged by, as an axis says it."""
    return f"validation {metric.label}" + (", %" if metric.percent else "")


def best_of(trials: pd.DataFrame, metric: Metric) -> dict[str, Any]:
    """The finished trial that does best on validation covers, the first of equals."""
    finished = records(trials.dropna(subset=metric.column))
    return max(finished, key=lambda trial: metric.better(float(trial[metric.column])))


def history_words(trials: pd.DataFrame, importance: pd.DataFrame, metric: Metric) -> str:
    """The text alternative of the course and the importances."""
    done, best = trials[trials["state"] == "finished"], best_of(trials, metric)
    worst = done[metric.column].min() if metric.higher_is_better else done[metric.column].max()
    words = (
        f"{len(trials)} trials, {len(done)} finished; the best is trial {best['trial']} with "
        f"{metric.of(best[metric.column], 'validation covers')}, the worst finished one has "
        f"{metric.shown(worst)}"
    )
    parts = [f"{row['parameter']} {100 * row['importance']:.0f} %" for row in records(importance)]
    return f"{words}; importance: {', '.join(parts)}" if parts else words


def parameter_words(trials: pd.DataFrame, space: Mapping[str, Mapping[str, Any]], metric: Metric) -> str:
    """The text alternative of the parameters."""
    known = trials.dropna(subset=metric.column)
    top = known.sort_values(metric.column, ascending=not metric.higher_is_better).head(5)
    return "; ".join(
        f"{metric.shown(row[metric.column])} with " + ", ".join(f"{name} {row[name]}" for name in space)
        for row in records(top)
    )


def _places(values: pd.Series, best: str, of: Mapping[str, Any], axes: Axes) -> tuple[list[float], float]:
    """Where texts of values stand on an axis, and where the best does; sets the axis."""
    from matplotlib.ticker import NullLocator

    if "values" not in of:
        if of["log"]:
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(NullLocator())
        return [float(value) for value in values], float(best)
    names = [label(value) for value in of["values"]]
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.5)
    return [names.index(value) for value in values], names.index(best)
