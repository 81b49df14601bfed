"""`report.html`: one page that needs nothing but itself, made from what a run folder holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import read_csv
from coverfusion.data.sides import sides_in_words
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.charts import Chart
from coverfusion.experiments.drawing.curves import Counted, Curve, Spot, calibration_curve
from coverfusion.experiments.drawing.epochs import epoch_words
from coverfusion.experiments.drawing.forest import Forest, Row, forest_axis
from coverfusion.experiments.drawing.heat_map import confusion_map
from coverfusion.experiments.drawing.run_pages import link_run_pages
from coverfusion.experiments.drawing.words import (
    MAIN_SCORES,
    SPLIT_LABELS,
    capital,
    gain_words,
    interval_words,
    main_scores,
    percent,
    score_labels,
    spread,
    value_words,
)
from coverfusion.experiments.evaluation.intervals import chance_error, reliability
from coverfusion.experiments.evaluation.statistics import widening
from coverfusion.experiments.pipeline.chosen_by_score import corrected_score
from coverfusion.experiments.pipeline.genre_thresholds import nearest_words
from coverfusion.experiments.pipeline.predicted_genres import predicted_of, several
from coverfusion.experiments.pipeline.run_folder import Run, baseline_row, chance_of, read_run
from coverfusion.experiments.training.cell_covers import cell_covers
from coverfusion.experiments.training.genre_counts import by_genre_count
from coverfusion.experiments.training.gist import (
    alone_words,
    best_single,
    choice_in_words,
    chosen_words,
    family_words,
    gain,
    level,
    run_gist,
)
from coverfusion.experiments.training.limits import CONFLICTS, caveats, kept_words
from coverfusion.experiments.training.mistakes import confident_mistakes
from coverfusion.experiments.training.nested_study import nested_words
from coverfusion.experiments.training.training_charts import run_epochs, training_charts
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.pictures import PIXELS
from coverfusion.fusion.similarity.training_index import TrainingIndex

LISTED_ROWS = 25  # rows of a list of what was dropped; its file has them all


# title, file, and its column that says why
METADATA_LIST = ("Metadata that does not count", "metadata_problems.csv", "reason")
DROPPED_LISTS = (
    ("Files that are no usable picture", "rejected.csv", "reason"),
    ("Files of covers that stand under several genres", "conflicts.csv", "kind"),
    ("Blocks that failed on a cover, or covers that could not be read again", "failures.csv", "reason"),
)
# the counts of `data.collection.Collection` that are shown
COUNT_WORDS = {
    "files": "files found",
    "rejected": "no usable picture, rejected",
    "other_genres": "of genres that were not chosen",
    "copies": "copies within a genre, left out",
    "merged": "copies of a cover, which has the genres of all its files",
    "conflicting_rows": "equal files under several genres",
    "near_conflicting": "near duplicates under several genres",
    "left_out": "files of either kind that were left out",
    "near_groups": "groups of near duplicates",
    "near_covers": "covers in them",
    "near_kept": "of these kept beside another; no split separates them",
    "near_across": "of these beside another genre: alike by their hash, unlike when laid over each other",
}


def shown_counts(run: Run) -> dict[str, int]:
    """What was read and left out, in words; what was not there is left out.

    Where covers may have several genres, standing under several is no conflict.
    """
    dropped = run.facts["dropped"]
    shown = [key for key in COUNT_WORDS if dropped.get(key) and not (run.several and key in CONFLICTS)]
    return {COUNT_WORDS[key]: dropped[key] for key in shown}


def write_report(folder: Path, neighbours: TrainingIndex, table: FeatureTable, covers: pd.DataFrame) -> Path:
    """Writes `figures/*.svg` and then `report.html`, whole or not at all.

    Args:
        folder: the run folder, filled but for the report.
        neighbours: the index of the training covers.
        table: features of all covers.
        covers: frame with `cover_id`, `path`, `genre`, `group`.

    Returns:
        The path of the page.
    """
    run = read_run(folder)
    predictions = run.predictions(run.chosen)
    usual, chance = chance_of(run, run.metric)
    difference, corrected = gain(run, covers), corrected_score(run)
    charts = report_charts(run, predictions, chance)
    shown, labels = main_scores(run.metric, len(run.facts["genres"]), run.several), score_labels(run.several)
    pages.save_charts(folder, charts)
    context = pages.script("leaderboard.js") | {
        "run": run,
        "of_albums": sides_in_words(covers),
        "charts": charts,
        "cells": cell_covers(run, predictions, covers),
        "by_count": by_genre_count(predictions, run.config["seed"], run.config["folds"])
        if run.several
        else [],
        "nearest": nearest_words(predictions, run.item) if run.several else "",
        "chance": chance,
        "metric": run.metric,
        "split": run.split,
        "other": run.other,
        "splits": SPLIT_LABELS,
        "training": training_charts(folder),
        "training_words": epoch_words(run_epochs(folder), ""),
        "usual": usual,
        "difference": difference,
        "family": family_words(run),
        "level": level(run),
        "baseline": baseline_row(run),
        "guessing": {part: baseline_row(run, part) for part in (run.split, run.other) if part},
        "single": best_single(run) if run.alone else "",
        "alone_words": alone_words(run),
        "sees_less": not run.chosen.fuses
        and run.chosen.blocks != (PIXELS,)
        and len(run.facts["extractors"]) > 1,
        "gist": run_gist(run, usual, chance, difference),
        "corrected": chosen_words(run, corrected),
        "choice": choice_in_words(run),
        "caveats": caveats(run.facts),
        "nested": nested_words(folder),
        "labels": {name: label for name, label in labels.items() if name in shown or name not in MAIN_SCORES},
        "main_scores": shown,
        "by_chance": None
        if run.several
        else chance_error(highest_probability(predictions), run.config["seed"]),
        "total": len(predictions),
        "wrong": int((predictions["predicted"] != predictions["genre"]).sum()),
        "mistakes": confident_mistakes(run, predictions, neighbours, table, covers),
        "dropped": dropped(run),
        "kept": kept_words(run),
        "counts": shown_counts(run),
        "columns": {block: frame.shape[1] for block, frame in table.blocks.items()},
        "metadata": run.facts.get("metadata", []),
        "config_text": (folder / "config.yaml").read_text(encoding="utf-8"),
    }
    pages.write(folder / "report.html", pages.render("report.html", context, FILTERS))
    link_run_pages(folder, "Report", folder / "report.html")
    return folder / "report.html"


# --- charts --------------------------------------------------------------------------------------------


def report_charts(run: Run, predictions: pd.DataFrame, chance: float) -> dict[str, Chart]:
    """The charts of a run by name."""
    own = run.chosen.genres[run.split]
    covers_of = pd.Series({genre: scores["covers"] for genre, scores in own.items()}) if run.several else None
    return {
        "leaderboard": leaderboard_chart(run, chance),
        "reliability": reliability_chart(predictions, widening(run.config["folds"])),
        "confusion": confusion_map(run.chosen.confusion[run.split], covers_of),
    }


def leaderboard_chart(run: Run, chance: float) -> Forest:
    """The metric of every model with its interval, those on all blocks first; rings are of validation."""
    metric, other = run.metric, run.other
    rows = []
    for model in sorted(run.models, key=lambda model: (model.kind == "alone", not model.fuses)):
        score, alone = run.score(model), model.kind == "alone"
        row = Row(
            label=f"{model.blocks[0]}, by {model.classifier}" if alone else model.classifier,
            value=score.value,
            low=score.low,
            high=score.high,
            group=int(alone),
            strong=model.chosen,
            ring=model.scores[other][metric.column].value if other else math.nan,
            heading="one block alone" if alone else "all blocks fused" if model.fuses else model.on,
        )
        rows.append(row.scaled(metric.scale))
    line = metric.scale * chance
    always = f"every genre for each {run.item}" if run.several else "always the most frequent genre"
    label = always if metric.percent else "knowing only how common genres are"
    smaller = "" if metric.higher_is_better else " (smaller is better)"
    return Forest(
        title=f"{capital(metric.label)} of each model",
        rows=rows,
        axis=forest_axis(rows, line, 0.0, 100.0 if metric.percent else math.inf),
        axis_label=f"{metric.named}{smaller}, {SPLIT_LABELS[run.split]}",
        shown=metric.figure,
        tick=metric.tick,
        line=line,
        line_label=f"{label}: {metric.figure(line)}",
        keys={"ring": f"the same model, {SPLIT_LABELS[other]}"} if other else {},
    )


def reliability_chart(predictions: pd.DataFrame, wider: float) -> Curve:
    """How often the model is right against the probability it gives, and how many covers stand behind it.

    Of covers of several genres each pair of a cover and a genre counts: how often the cover has the genre.

    Args:
        predictions: of the chosen model.
        wider: from `evaluation.statistics.widening`.
    """
    title, sets = "How often the chosen model is right against the probability it gives", several(predictions)
    correct = (predictions["predicted"] == predictions["genre"]).to_numpy()
    probability, groups = highest_probability(predictions), predictions["group"].to_numpy()
    if sets:
        found = predicted_of(predictions)
        title = "How often covers have a genre against the probability it is given"
        correct, probability = found.truth.ravel(), found.proba.ravel()
        groups = np.repeat(groups, len(found.genres))
    bins = reliability(probability, correct, groups, wider)
    return calibration_curve(
        title,
        [
            Spot(
                100 * each.confidence,
                100 * each.accuracy.value,
                100 * each.accuracy.low,
                100 * each.accuracy.high,
            )
            for each in bins
        ],
        [Counted(100 * each.low, 100 * each.high, each.covers) for each in bins],
        sets,
    )


def highest_probability(predictions: pd.DataFrame) -> np.ndarray:
    """(n,) the probability of each cover's predicted genre."""
    return predictions.filter(regex="^p_").max(axis=1).to_numpy()


# --- what was dropped ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dropped:
    """A list of what was left out: its file, how many rows, how often each reason, the first rows."""

    title: str
    file: str
    rows: int
    reasons: dict[str, int]
    columns: list[str]
    first: list[list[str]]


def dropped(run: Run) -> list[Dropped]:
    """Rejected files, conflicting covers, failures of extractors, and metadata where there are any."""
    # of covers of several genres those under several are used
    kept = ("conflicts.csv",) if run.several else ()
    lists = [one for one in DROPPED_LISTS if one[1] not in kept]
    lists += [METADATA_LIST] if run.facts.get("metadata") else []
    return [_dropped(run, title, file, reason) for title, file, reason in lists]


def _dropped(run: Run, title: str, file: str, reason: str) -> Dropped:
    try:
        # names and reasons are text: a genre called "NA" is no missing value
        frame = read_csv(run.folder / file, dtype=str, keep_default_na=False)
    except (FileNotFoundError, pd.errors.EmptyDataError):
        frame = pd.DataFrame()
    counted = frame[reason].value_counts() if reason in frame else pd.Series(dtype=int)
    shown = frame.drop(columns="cover_id", errors="ignore").head(LISTED_ROWS)
    for column in {"path", "partner"} & set(shown):
        shown[column] = shown[column].map(run.shorten)
    reasons = {str(name): int(count) for name, count in counted.items()}
    return Dropped(title, file, len(frame), reasons, list(shown.columns), shown.to_numpy().tolist())


# --- words ---------------------------------------------------------------------------------------------


FILTERS: pages.Filters = {
    "percent": percent,
    "spread": spread,
    "gain": lambda difference, metric: gain_words(metric, difference),
    "shown": lambda value, metric: value_words(metric, value),
    "ends": lambda interval, metric: interval_words(metric, interval),
}
