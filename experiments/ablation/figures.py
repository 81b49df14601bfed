"""Pictures of an ablation: leaderboard, forest plot, genres against removed blocks, Shapley values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from coverfusion.experiments.drawing.forest import dot, new_figure
from coverfusion.experiments.drawing.labels import genres_named, label, largest
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.pipeline.results_csv import read_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 40
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
    board = read_results(folder / "leaderboard.csv")
    drawn["leaderboard"] = (leaderboard_figure(board), _leaderboard_words(board))
    comparisons = read_results(folder / "comparisons.csv")
    for design, part in comparisons.groupby("design", sort=False):
        name = "forest-" + str(design).replace(" ", "-")
        drawn[name] = (forest_figure(part, str(design)), _forest_words(part))
    if (folder / "genres.csv").is_file():
        covers = read_json(folder / "collection.json")["genres"]
        for classifier, part in read_results(folder / "genres.csv").groupby("classifier", sort=False):
            drawn[f"genres-{classifier}"] = (heat_figure(part, str(classifier), covers), _heat_words(part))
    if (folder / "shapley.csv").is_file():
        values = read_results(folder / "shapley.csv")
        drawn["shapley"] = (shapley_figure(values), _shapley_words(values))
    place = folder / "figures"
    place.mkdir(exist_ok=True)
    for name, (figure, _) in drawn.items():
        figure.savefig(place / f"{name}.png", dpi=140)
    return {name: words for name, (_, words) in drawn.items()}


def comparison_words(row: pd.Series) -> str:
    """What a row of `comparisons.csv` compares."""
    return COMPARISON_WORDS[str(row["design"])].format(**row[["unit", "classifier", "other"]])


def leaderboard_figure(board: pd.DataFrame) -> Figure:
    """Accuracy with its interval of the best sets of whole blocks, and of the largest genre."""
    whole = board[~board["units"].str.contains(":")]
    shown = pd.concat([whole.head(MOST_ROWS), whole[whole["units"] == "none"]]).drop_duplicates()[::-1]
    figure, axes = new_figure(len(shown))
    classifiers = list(dict.fromkeys(board["classifier"]))
    for y, row in enumerate(shown.to_dict("records")):
        look = classifiers.index(str(row["classifier"]))
        dot(axes, y, row["accuracy"], row["accuracy_low"], row["accuracy_high"], look)
    axes.set_yticks(range(len(shown)), [f"{r['classifier']}: {r['units']}" for r in shown.to_dict("records")])
    axes.set_xlabel("accuracy over all repeats, interval of at least 95 % (bootstrap of groups, widened)")
    title = "Leaderboard" if len(whole) <= MOST_ROWS else f"Leaderboard: the best {MOST_ROWS} of {len(whole)}"
    axes.set_title(title, loc="left", fontweight="bold")
    return figure


def forest_figure(comparisons: pd.DataFrame, design: str) -> Figure:
    """Differences in accuracy with the corrected t-test's intervals; a filled mark is significant."""
    figure, axes = new_figure(len(comparisons))
    classifiers = list(dict.fromkeys(comparisons["classifier"]))
    shown = comparisons[::-1]
    for y, row in enumerate(shown.to_dict("records")):
        look = classifiers.index(row["classifier"])
        dot(axes, y, row["difference"], row["low"], row["high"], look, filled=row["p_holm"] < 0.05)
    labels = [f"{row['classifier']}: {comparison_words(row)}" for _, row in shown.iterrows()]
    axes.set_yticks(range(len(shown)), labels)
    axes.axvline(0, color="#666666", linewidth=1)
    axes.set_xlabel("difference in accuracy, 95 % interval (corrected resampled t); filled: Holm's p < 0.05")
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
    values, marks = loss.to_numpy(dtype=float), p.to_numpy(dtype=float)
    most = max(float(np.abs(values).max()), 1e-9)
    axes.imshow(loss, cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto")
    for y in range(loss.shape[0]):
        for x in range(loss.shape[1]):
            value = values[y, x]
            star = " *" if marks[y, x] < 0.05 else ""
            colour = "white" if abs(value) > 0.65 * most else "black"
            axes.text(x, y, f"{100 * value:+.1f}{star}", ha="center", va="center", color=colour)
    axes.set_xticks(range(loss.shape[1]), [f"without {block}" for block in loss.columns], rotation=20)
    axes.set_yticks(range(loss.shape[0]), [label(genre) for genre in loss.index])
    title = f"{classifier}: points of F1 lost without a block{genres_named(which)}"
    axes.set_title(title, loc="left", fontweight="bold")
    axes.grid(False)
    return figure


def shapley_figure(values: pd.DataFrame) -> Figure:
    """The blocks' Shapley values over all genres, each classifier with its own mark."""
    overall = values[values["genre"] == "all"]
    blocks, classifiers = list(dict.fromkeys(overall["block"])), list(dict.fromkeys(overall["classifier"]))
    figure, axes = new_figure(len(blocks) * len(classifiers))
    labels = []
    for y, row in enumerate(overall.sort_values(["block", "classifier"])[::-1].to_dict("records")):
        dot(
            axes,
            y,
            row["value"],
            row["low"],
            row["high"],
            classifiers.index(row["classifier"]),
            row["p_holm"] < 0.05,
        )
        labels.append(f"{row['block']}, {row['classifier']}")
    axes.set_yticks(range(len(labels)), labels)
    axes.axvline(0, color="#666666", linewidth=1)
    axes.set_xlabel(
        "Shapley value in accuracy, 95 % interval (corrected resampled t); filled: Holm's p < 0.05"
    )
    axes.set_title("What each block brings", loc="left", fontweight="bold")
    return figure


def _leaderboard_words(board: pd.DataFrame) -> str:
    best = board.iloc[0]
    return (
        f"Leaderboard of {len(board)} models; the best is {best['classifier']} on {best['units']} with "
        f"accuracy {best['accuracy']:.3f} ({best['accuracy_low']:.3f} to {best['accuracy_high']:.3f})."
    )


def _forest_words(part: pd.DataFrame) -> str:
    return "; ".join(
        f"{row['classifier']}: {comparison_words(row)}: {100 * row['difference']:+.1f} points, "
        f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}, Holm's p {row['p_holm']:.3g}"
        for _, row in part.iterrows()
    )


def _heat_words(part: pd.DataFrame) -> str:
    return "; ".join(
        f"{r['genre']} without {r['block']}: {100 * r['loss']:+.1f}" for r in part.to_dict("records")
    )


def _shapley_words(values: pd.DataFrame) -> str:
    overall = values[values["genre"] == "all"].to_dict("records")
    return "; ".join(f"{r['block']} by {r['classifier']}: {100 * r['value']:+.1f} points" for r in overall)
