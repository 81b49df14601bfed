"""Pictures of an ablation: leaderboard, forest plot, genres, Shapley values and interactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from coverfusion.experiments.drawing.forest import dot, new_figure
from coverfusion.experiments.drawing.labels import genres_named, label, largest
from coverfusion.experiments.drawing.words import p_value
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.pipeline.results_csv import read_results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 40
FAINT = 0.03  # smaller differences never have a map's full colour
COMPARISON_WORDS = {
    "block alone against nothing": "{unit} alone",
    "all against block alone": "all against {unit} alone",
    "all against all but block": "all against all but {unit}",
    "family alone against nothing": "{unit} alone",
    "all against all but family": "all against all but {unit}",
    "greedy step": "adding {unit}",
    "classifiers": "{classifier} against {other}",
}


def draw_ablation(folder: Path) -> dict[str, str]:
    """Draws what the tables in `folder` allow into `figures/`; file name -> text alternative."""
    drawn = {}
    metric = study_metric(folder)
    board = read_results(folder / "leaderboard.csv")
    drawn["leaderboard"] = (leaderboard_figure(board, metric), _leaderboard_words(board, metric))
    comparisons = read_results(folder / "comparisons.csv")
    for design, part in comparisons.groupby("design", sort=False):
        name = "forest-" + str(design).replace(" ", "-")
        drawn[name] = (forest_figure(part, str(design), metric), _forest_words(part, metric))
    if (folder / "genres.csv").is_file():
        covers = read_json(folder / "collection.json")["genres"]
        for classifier, part in read_results(folder / "genres.csv").groupby("classifier", sort=False):
            drawn[f"genres-{classifier}"] = (heat_figure(part, str(classifier), covers), _heat_words(part))
    if (folder / "shapley.csv").is_file():
        values = read_results(folder / "shapley.csv")
        drawn["shapley"] = (shapley_figure(values, metric), _shapley_words(values, metric))
    if (folder / "interactions.csv").is_file():
        pairs = read_results(folder / "interactions.csv").query("genre == 'all'")
        for classifier, part in pairs.groupby("classifier", sort=False):
            name, figure = f"interactions-{classifier}", interaction_figure(part, str(classifier), metric)
            drawn[name] = (figure, _interaction_words(part, metric))
    place = folder / "figures"
    place.mkdir(exist_ok=True)
    for name, (figure, _) in drawn.items():
        figure.savefig(place / f"{name}.png", dpi=140)
    return {name: words for name, (_, words) in drawn.items()}


def study_metric(folder: Path) -> Metric:
    """The metric that a study's sets are compared by."""
    file = folder / "study.json"
    return METRICS[read_json(file).get("metric", "accuracy") if file.is_file() else "accuracy"]


def comparison_words(row: pd.Series) -> str:
    """What a row of `comparisons.csv` compares."""
    return COMPARISON_WORDS[str(row["design"])].format(**row[["unit", "classifier", "other"]])


def whose_comparison(row: pd.Series) -> str:
    """The same with the classifier that was fitted on both sets, where it is not named already."""
    words = comparison_words(row)
    return words if row["design"] == "classifiers" else f"{row['classifier']}: {words}"


def leaderboard_figure(board: pd.DataFrame, metric: Metric) -> Figure:
    """The metric with its interval of the best sets of whole blocks, and of the largest genre."""
    whole = board[~board["units"].str.contains(":")]
    shown = pd.concat([whole.head(MOST_ROWS), whole[whole["units"] == "none"]]).drop_duplicates()[::-1]
    figure, axes = new_figure(len(shown))
    classifiers = list(dict.fromkeys(board["classifier"]))
    for y, row in enumerate(shown.to_dict("records")):
        look = classifiers.index(str(row["classifier"]))
        names = (metric.column, f"{metric.column}_low", f"{metric.column}_high")
        value, low, high = (metric.scale * row[name] for name in names)
        dot(axes, y, value, low, high, look)
    axes.set_yticks(range(len(shown)), [f"{r['classifier']}: {r['units']}" for r in shown.to_dict("records")])
    axes.set_xlabel(
        f"{metric.label}{', %,' if metric.percent else ''} over all repeats, interval of at least 95 % "
        "(bootstrap of groups, widened)"
    )
    title = "Leaderboard" if len(whole) <= MOST_ROWS else f"Leaderboard: the best {MOST_ROWS} of {len(whole)}"
    axes.set_title(title, loc="left", fontweight="bold")
    return figure


def forest_figure(comparisons: pd.DataFrame, design: str, metric: Metric) -> Figure:
    """Differences in the metric with the corrected t-test's intervals; a filled mark is significant."""
    figure, axes = new_figure(len(comparisons))
    classifiers = list(dict.fromkeys(comparisons["classifier"]))
    shown = comparisons[::-1]
    for y, row in enumerate(shown.to_dict("records")):
        look = classifiers.index(row["classifier"])
        value, low, high = (metric.scale * row[name] for name in ("difference", "low", "high"))
        dot(axes, y, value, low, high, look, filled=row["p_holm"] < 0.05)
    axes.set_yticks(range(len(shown)), [whose_comparison(row) for _, row in shown.iterrows()])
    axes.axvline(0, color="#666666", linewidth=1)
    axes.set_xlabel(f"{metric.gain}, 95 % interval (corrected resampled t); filled: Holm's p < 0.05")
    axes.set_title(design[0].upper() + design[1:], loc="left", fontweight="bold")
    return figure


def heat_figure(genres: pd.DataFrame, classifier: str, covers: Mapping[str, int]) -> Figure:
    """Genre x removed block: the F1 that is lost; a star where Holm's p < 0.05.

    Args:
        genres: rows of `genres.csv` of one classifier.
        classifier: its name.
        covers: genre -> how many it has.
    """
    names, which = largest({genre: covers[genre] for genre in genres["genre"].unique()})
    genres = genres[genres["genre"].isin(names)]
    loss = genres.pivot(index="genre", columns="block", values="loss")
    p = genres.pivot(index="genre", columns="block", values="p_holm").loc[loss.index, loss.columns]
    figure, axes = new_figure(len(loss), width=2.6 + 1.1 * loss.shape[1])
    _heat(axes, loss, p, lambda value: f"{100 * value:+.1f}")
    axes.set_xticks(range(loss.shape[1]), [f"without {block}" for block in loss.columns], rotation=20)
    axes.set_yticks(range(loss.shape[0]), [label(genre) for genre in loss.index])
    title = f"{classifier}: points of F1 lost without a block{genres_named(which)}"
    axes.set_title(title, loc="left", fontweight="bold")
    return figure


def interaction_figure(pairs: pd.DataFrame, classifier: str, metric: Metric) -> Figure:
    """Block x block: what two bring together beyond what each brings; a star where Holm's p < 0.05.

    Args:
        pairs: rows of `interactions.csv` of one classifier over all genres.
        classifier: its name.
        metric: that they are in.
    """
    names = list(dict.fromkeys([*pairs["block"], *pairs["other"]]))
    mirrored = pd.concat([pairs, pairs.rename(columns={"block": "other", "other": "block"})])
    values, p = (
        mirrored.pivot(index="block", columns="other", values=name).loc[names, names]
        for name in ("interaction", "p_holm")
    )
    figure, axes = new_figure(len(names), width=max(2.6 + 1.1 * len(names), 6.0))
    _heat(axes, values, p, metric.in_words)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    title = f"{classifier}: interactions of blocks, {metric.gain}\nbelow 0: together they bring less"
    axes.set_title(title, loc="left", fontweight="bold")
    return figure


def _heat(axes: Axes, table: pd.DataFrame, p: pd.DataFrame, words: Callable[[float], str]) -> None:
    """Coloured cells with their values, and a star where p < 0.05; what is NaN stays empty."""
    values, marks = table.to_numpy(dtype=float), p.to_numpy(dtype=float)
    most = max(float(np.nanmax(np.abs(values))), FAINT)
    axes.imshow(values, cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto")
    for y, x in np.argwhere(~np.isnan(values)):
        star = " *" if marks[y, x] < 0.05 else ""
        colour = "white" if abs(values[y, x]) > 0.65 * most else "black"
        axes.text(x, y, words(values[y, x]) + star, ha="center", va="center", color=colour)
    axes.grid(False)


def shapley_figure(values: pd.DataFrame, metric: Metric) -> Figure:
    """The blocks' Shapley values over all genres, each classifier with its own mark."""
    overall = values[values["genre"] == "all"]
    blocks, classifiers = list(dict.fromkeys(overall["block"])), list(dict.fromkeys(overall["classifier"]))
    figure, axes = new_figure(len(blocks) * len(classifiers))
    labels = []
    for y, row in enumerate(overall.sort_values(["block", "classifier"])[::-1].to_dict("records")):
        value, low, high = (metric.scale * row[name] for name in ("value", "low", "high"))
        dot(axes, y, value, low, high, classifiers.index(row["classifier"]), row["p_holm"] < 0.05)
        labels.append(f"{row['block']}, {row['classifier']}")
    axes.set_yticks(range(len(labels)), labels)
    axes.axvline(0, color="#666666", linewidth=1)
    axes.set_xlabel(
        f"Shapley value, {metric.gain}, 95 % interval (corrected resampled t); filled: Holm's p < 0.05"
    )
    axes.set_title("What each block brings", loc="left", fontweight="bold")
    return figure


def _leaderboard_words(board: pd.DataFrame, metric: Metric) -> str:
    best, column = board.iloc[0], metric.column
    return (
        f"Leaderboard of {len(board)} models; the best is {best['classifier']} on {best['units']} with "
        f"{metric.label} {best[column]:.3f} ({best[f'{column}_low']:.3f} to {best[f'{column}_high']:.3f})."
    )


def _forest_words(part: pd.DataFrame, metric: Metric) -> str:
    return "; ".join(
        f"{whose_comparison(row)}: {metric.in_words(row['difference'])} {metric.gain}, "
        f"{metric.in_words(row['low'])} to {metric.in_words(row['high'])}, Holm's p {p_value(row['p_holm'])}"
        for _, row in part.iterrows()
    )


def _heat_words(part: pd.DataFrame) -> str:
    return "; ".join(
        f"{r['genre']} without {r['block']}: {100 * r['loss']:+.1f}" for r in part.to_dict("records")
    )


def _shapley_words(values: pd.DataFrame, metric: Metric) -> str:
    overall = values[values["genre"] == "all"].to_dict("records")
    return "; ".join(
        f"{r['block']} by {r['classifier']}: {metric.in_words(r['value'])} {metric.gain}" for r in overall
    )


def _interaction_words(pairs: pd.DataFrame, metric: Metric) -> str:
    return f"Interactions of blocks, {metric.gain}: " + "; ".join(
        f"{r['block']} and {r['other']}: {metric.in_words(r['interaction'])}, {metric.in_words(r['low'])} to "
        f"{metric.in_words(r['high'])}, Holm's p {p_value(r['p_holm'])}"
        for r in pairs.to_dict("records")
    )
