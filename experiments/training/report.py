"""`report.html`: one page that needs nothing but itself, made from what a run folder holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.csv_files import read_csv
from coverfusion.experiments.drawing import charts as figures
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.charts import Dot
from coverfusion.experiments.drawing.words import (
    SCORE_LABELS,
    SPLIT_LABELS,
    gain_words,
    interval_words,
    main_scores,
    percent,
    spread,
    value_words,
)
from coverfusion.experiments.evaluation.intervals import chance_error, reliability
from coverfusion.experiments.pipeline.chosen_by_score import corrected_score
from coverfusion.experiments.pipeline.run_folder import Run, chance_of, read_run
from coverfusion.experiments.training.gist import (
    choice_in_words,
    chosen_words,
    gain,
    practical_gain,
    run_gist,
)
from coverfusion.experiments.training.limits import caveats
from coverfusion.experiments.training.mistakes import confident_mistakes
from coverfusion.experiments.training.nested_study import nested_words
from coverfusion.experiments.training.training_picture import training_picture
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.similarity.training_index import TrainingIndex

LISTED_ROWS = 25  # rows of a list of what was dropped; its file has them all
CHARTS = ("leaderboard", "reliability", "confusion")


# title, file, and its column that says why
DROPPED_LISTS = (
    ("Files that are no usable picture", "rejected.csv", "reason"),
    ("Covers that stand under several genres", "conflicts.csv", "kind"),
    ("Blocks that failed on a cover, or covers that could not be read again", "failures.csv", "reason"),
)
# the counts of `data.collection.Collection` in words; other keys are shown as they are
COUNT_WORDS = {
    "files": "files found",
    "rejected": "no usable picture, rejected",
    "other_genres": "of genres that were not chosen",
    "copies": "copies within a genre, left out",
    "conflicting": "different covers with equal bytes under several genres",
    "conflicting_rows": "entries of these",
    "near_conflicting": "other covers with near duplicates under another genre",
    "left_out": "entries left out for either",
    "near_groups": "groups of near duplicates",
    "near_covers": "covers in them; no split separates those that are kept",
}


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
    practical = practical_gain(run, covers) if run.alone else None
    charts = draw_charts(run, predictions, chance)
    context = charts | {
        "run": run,
        "training": training_picture(folder),
        "usual": usual,
        "difference": difference,
        "gist": run_gist(run, usual, chance, difference, practical),
        "corrected": chosen_words(run, corrected),
        "choice": choice_in_words(run),
        "caveats": caveats(run.facts),
        "nested": nested_words(folder),
        "labels": SCORE_LABELS,
        "main_scores": main_scores(run.metric),
        "by_chance": chance_error(highest_probability(predictions), run.config["seed"]),
        "total": len(predictions),
        "wrong": int((predictions["predicted"] != predictions["genre"]).sum()),
        "mistakes": confident_mistakes(run, predictions, neighbours, table, covers),
        "dropped": dropped(run),
        "counts": {COUNT_WORDS.get(key, key): count for key, count in run.facts["dropped"].items()},
        "columns": {block: frame.shape[1] for block, frame in table.blocks.items()},
        "config_text": (folder / "config.yaml").read_text(encoding="utf-8"),
    }
    pages.write(folder / "report.html", pages.render("report.html", context, FILTERS))
    return folder / "report.html"


# --- charts --------------------------------------------------------------------------------------------


def draw_charts(run: Run, predictions: pd.DataFrame, chance: float) -> dict[str, Any]:
    """What the chart templates need; writes each chart into `figures/` too, in its light colours."""
    models = sorted(run.models, key=lambda model: model.kind == "alone")
    dots = [
        Dot(
            label=model.blocks[0] if model.kind == "alone" else model.classifier,
            below=model.classifier if model.kind == "alone" else "",
            kind=model.kind,
            chosen=model.chosen,
            main=run.score(model),
            other=model.scores[run.other][run.metric.column] if run.other else None,
        )
        for model in models
    ]
    proba = highest_probability(predictions)
    correct = (predictions["predicted"] == predictions["genre"]).to_numpy()
    charts = {
        "dots": dots,
        "axis": figures.score_axis(dots, chance, 1.0 if run.metric.percent else math.inf),
        "chance": chance,
        "metric": run.metric,
        "split": run.split,
        "other": run.other,
        "splits": SPLIT_LABELS,
        "bins": reliability(proba, correct, predictions["group"].to_numpy()),
        "confusion": figures.confusion_rows(run.chosen.confusion[run.split]),
    }
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    for name in CHARTS:
        svg = pages.render(f"{name}.svg", charts | {"colours": figures.LIGHT, "standalone": True}, FILTERS)
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    return charts


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
    """Rejected files, conflicting covers and failures of extractors."""
    return [_dropped(run, title, file, reason) for title, file, reason in DROPPED_LISTS]


def _dropped(run: Run, title: str, file: str, reason: str) -> Dropped:
    try:
        # names and reasons are text: a genre called "NA" is no missing value
        frame = read_csv(run.folder / file, dtype=str, keep_default_na=False)
    except (FileNotFoundError, pd.errors.EmptyDataError):
        frame = pd.DataFrame()
    counted = frame[reason].value_counts() if reason in frame else pd.Series(dtype=int)
    shown = frame.drop(columns="cover_id", errors="ignore").head(LISTED_ROWS)
    if "path" in shown:
        shown["path"] = shown["path"].map(run.shorten)
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
