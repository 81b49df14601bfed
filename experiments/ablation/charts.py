"""Charts of an ablation: leaderboard, differences, genres, Shapley values and interactions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.experiments.ablation.designs import ALL_BUT_A_SIDE, METADATA, ONE_SIDE, PICTURES, set_words
from coverfusion.experiments.drawing.charts import Axis, Chart
from coverfusion.experiments.drawing.forest import Forest, Row, difference_forest, forest_axis
from coverfusion.experiments.drawing.heat_map import HeatCell, HeatMap
from coverfusion.experiments.drawing.labels import genres_named, largest
from coverfusion.experiments.drawing.words import points, records
from coverfusion.experiments.evaluation import ALPHA
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, Metric
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.pipeline.results_csv import read_results

MOST_ROWS = 20
UNTESTED = 6  # the group whose mark is grey: a coloured filled one says that it is significant
UNSURE = 0.25  # of a colour's depth
FAINT = 0.03  # smaller differences never have a map's full colour
COMPARISON_WORDS = {
    "block alone against chance": "{unit} alone",
    "all against block alone": "all against {unit} alone",
    "all against all but block": "without {unit}",
    ONE_SIDE: "all against {unit}",
    ALL_BUT_A_SIDE: "{unit}",
    "family alone against chance": "{unit} alone",
    "all against all but family": "without {unit}",
    "greedy step": "adding {unit}",
    "classifiers": "{classifier} against {other}",
}
# what is not in a set of blocks, where that is what a row is of
ADDED = {METADATA: "pictures, added to metadata", PICTURES: "metadata, added to pictures"}
# design -> what its differences are, above its rows
DESIGN_WORDS = {
    "block alone against chance": "Block alone, above chance",
    "all against block alone": "All blocks, above the block alone",
    "all against all but block": "Lost when the block is left out",
    ONE_SIDE: "Gained by adding pictures or metadata to the other",
    ALL_BUT_A_SIDE: "Lost when one side is left out",
    "family alone against chance": "Columns alone, above chance",
    "all against all but family": "Lost when the columns are left out",
    "greedy step": "Gained by adding the block",
    "classifiers": "One classifier against another",
}


def ablation_charts(folder: Path) -> dict[str, Chart]:
    """Every chart that the tables in `folder` allow, by its file's name."""
    metric = study_metric(folder)
    board, comparisons = (read_results(folder / f"{name}.csv") for name in ("leaderboard", "comparisons"))
    charts: dict[str, Chart] = dict(forest_charts(comparisons, metric))
    if (folder / "shapley.csv").is_file():
        charts["shapley"] = shapley_chart(read_results(folder / "shapley.csv"), metric)
    if (folder / "interactions.csv").is_file():
        pairs = read_results(folder / "interactions.csv").query("genre == 'all'")
        for classifier, part in pairs.groupby("classifier", sort=False):
            charts[f"interactions-{classifier}"] = interaction_map(part, str(classifier), metric)
    if (folder / "genres.csv").is_file():
        covers = read_json(folder / "collection.json")["genres"]
        for classifier, part in read_results(folder / "genres.csv").groupby("classifier", sort=False):
            charts[f"genres-{classifier}"] = genre_map(part, str(classifier), covers)
    return charts | {"leaderboard": leaderboard_chart(board, metric, baseline_of(folder))}


def baseline_of(folder: Path) -> float:
    """The metric where nothing is known of a cover: the leaderboard's set without blocks; NaN: none."""
    board, metric = read_results(folder / "leaderboard.csv"), study_metric(folder)
    nothing = board[board["units"] == "none"]
    return float(nothing[metric.column].iloc[0]) if len(nothing) else math.nan


def study_metric(folder: Path) -> Metric:
    """The metric that a study's sets are compared by."""
    file = folder / "study.json"
    return SET_METRICS[read_json(file).get("metric", "accuracy") if file.is_file() else "accuracy"]


def comparison_words(row: pd.Series) -> str:
    """What a row of `comparisons.csv` compares."""
    return COMPARISON_WORDS[str(row["design"])].format(**row[["unit", "classifier", "other"]])


def unit_words(row: pd.Series) -> str:
    """What a row of `comparisons.csv` is of, below the words of its design."""
    unit = str(row["unit"])
    return ADDED.get(unit, unit) or comparison_words(row)


def whole_sets(board: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """The rows of a leaderboard of whole blocks, and classifier -> the blocks of its largest set."""
    whole = board[~board["units"].str.contains(":") & (board["units"] != "none")]
    by_classifier = whole.groupby("classifier")["units"]
    return whole, {str(name): max(units.str.split("+"), key=len) for name, units in by_classifier}


def leaderboard_chart(board: pd.DataFrame, metric: Metric, baseline: float) -> Forest:
    """The metric with its interval of the best sets of whole blocks."""
    whole, every = whole_sets(board)
    shown, classifiers = whole.head(MOST_ROWS), list(dict.fromkeys(whole["classifier"]))
    rows = [
        _row(
            set_words(row["units"], every[row["classifier"]]),
            [row[f"{metric.column}{end}"] for end in ("", "_low", "_high")],
            metric,
            classifiers.index(row["classifier"]) if len(classifiers) > 1 else UNTESTED,
        )
        for row in records(shown)
    ]
    which = f", the best {MOST_ROWS} of {len(whole)}" if len(whole) > MOST_ROWS else ""
    line = metric.scale * baseline
    return Forest(
        title=f"Sets of blocks{which}",
        rows=rows,
        axis=forest_axis(rows, line, 0.0, 100.0 if metric.percent else math.inf),
        axis_label=f"{metric.named}, interval of at least 95 %",
        shown=metric.figure,
        tick=metric.tick,
        line=line,
        line_label=f"without any block: {metric.figure(line)}",
        groups=_named(classifiers, rows),
    )


def forest_charts(comparisons: pd.DataFrame, metric: Metric) -> dict[str, Forest]:
    """One chart a design, all on the same axis: a filled mark is significant."""
    classifiers = list(dict.fromkeys(comparisons["classifier"]))
    rows = {
        str(design): [
            _row(
                unit_words(row),
                [row[name] for name in ("difference", "low", "high")],
                metric,
                classifiers.index(row["classifier"]),
                bool(row["p_holm"] < ALPHA),
            )
            for _, row in part.iterrows()
        ]
        for design, part in comparisons.groupby("design", sort=False)
    }
    axis = forest_axis([row for part in rows.values() for row in part], 0.0)
    return {
        "forest-" + design.replace(" ", "-"): _differences(
            DESIGN_WORDS[design], part, metric, axis, metric.gain, classifiers
        )
        for design, part in rows.items()
    }


def shapley_chart(values: pd.DataFrame, metric: Metric) -> Forest:
    """The blocks' Shapley values over all genres, each classifier with its own mark."""
    overall = values[values["genre"] == "all"].sort_values(["block", "classifier"])
    classifiers = list(dict.fromkeys(values["classifier"]))
    rows = [
        _row(
            str(row["block"]),
            [row[name] for name in ("value", "low", "high")],
            metric,
            classifiers.index(row["classifier"]),
            bool(row["p_holm"] < ALPHA),
        )
        for row in records(overall)
    ]
    label = f"Shapley value, {metric.gain}"
    return _differences("What each block brings", rows, metric, forest_axis(rows, 0.0), label, classifiers)


def genre_map(genres: pd.DataFrame, classifier: str, covers: Mapping[str, int]) -> HeatMap:
    """Genre x removed block: the F1 that is lost.

    Args:
        genres: rows of `genres.csv` of one classifier.
        classifier: its name.
        covers: genre -> how many it has.
    """
    names, which = largest({genre: covers[genre] for genre in genres["genre"].unique()})
    genres = genres[genres["genre"].isin(names)]
    loss = genres.pivot(index="genre", columns="block", values="loss")
    p = genres.pivot(index="genre", columns="block", values="p_holm").loc[loss.index, loss.columns]
    title = f"{classifier}: points of F1 lost without the block of a column{genres_named(which)}"
    columns = list(loss.columns)
    return HeatMap(title, list(loss.index), columns, _cells(loss, p, points))


def interaction_map(pairs: pd.DataFrame, classifier: str, metric: Metric) -> HeatMap:
    """Block x block: what two bring together beyond what each brings.

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
    title = f"{classifier}: interactions of blocks, {metric.gain}"
    cells = _cells(values, p, lambda value: metric.gain_figure(metric.scale * value))
    return HeatMap(title, names, names, cells)


def _differences(
    title: str, rows: Sequence[Row], metric: Metric, axis: Axis, label: str, classifiers: Sequence[str]
) -> Forest:
    return difference_forest(title, rows, metric, label, axis, _named(classifiers, rows))


def _named(classifiers: Sequence[str], rows: Sequence[Row]) -> dict[int, str]:
    """The classifiers that have a row, by their numbers; a single one needs no legend."""
    if len(classifiers) < 2:
        return {}
    return {number: name for number, name in enumerate(classifiers) if any(r.group == number for r in rows)}


def _row(label: str, ends: Sequence[float], metric: Metric, group: int, filled: bool = True) -> Row:
    """A row of a value with its two ends, as shown."""
    value, low, high = map(float, ends)
    return Row(label, value, low, high, group, filled).scaled(metric.scale)


def _cells(
    table: pd.DataFrame, p: pd.DataFrame, words: Callable[[float], str]
) -> list[list[HeatCell | None]]:
    """Cells coloured by their values; a significant one is bold and has a star; NaN is empty."""
    values, marks = table.to_numpy(dtype=float), p.to_numpy(dtype=float)
    most = max(float(np.nanmax(np.abs(values))), FAINT)
    return [
        [
            None
            if math.isnan(value)
            else HeatCell(
                words(value) + ("*" if sure else ""),
                # only what is sure has a full colour
                round(value / most * (1 if sure else UNSURE), 3),
                strong=bool(sure),
            )
            for value, sure in zip(row, mark < ALPHA, strict=True)
        ]
        for row, mark in zip(values, marks, strict=True)
    ]
