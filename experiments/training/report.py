"""`report.html`: one page that needs nothing but itself, made from what a run folder holds."""

from __future__ import annotations

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
    HELD_OUT_WORDS,
    MAIN_SCORES,
    SCORE_LABELS,
    SPLIT_LABELS,
    percent,
    points,
    spread,
)
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.intervals import Interval, reliability
from coverfusion.experiments.evaluation.metrics import SCORE_RESAMPLES
from coverfusion.experiments.evaluation.statistics import group_weights, score_interval, widening
from coverfusion.experiments.pipeline.run_folder import Run, chance_of, read_run
from coverfusion.experiments.training.mistakes import confident_mistakes
from coverfusion.experiments.training.training_picture import training_picture
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.similarity.training_index import TrainingIndex

LISTED_ROWS = 25  # rows of a list of what was dropped; its file has them all
CHARTS = ("accuracy", "reliability", "confusion")


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
    usual, chance = chance_of(run)
    difference = gain(run, covers)
    charts = draw_charts(run, predictions, chance)
    context = charts | {
        "run": run,
        "training": training_picture(folder),
        "usual": usual,
        "difference": difference,
        "choice": choice_in_words(run),
        "gist": run_gist(run, usual, chance, difference),
        "labels": SCORE_LABELS,
        "main_scores": MAIN_SCORES,
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


# --- what it comes to ----------------------------------------------------------------------------------


def gain(run: Run, covers: pd.DataFrame) -> Interval | None:
    """Accuracy of the chosen model less that of the best single block, on the same covers.

    The 95 % bootstrap interval draws whole groups, for both models together (a paired bootstrap: Efron and
    Tibshirani 1993, ch. 8); of folds it is widened (`experiments.evaluation.statistics`). None where no block
    stood alone.
    """
    if not run.alone:
        return None
    both = [run.predictions(model) for model in (run.chosen, run.alone[0])]
    hits = [(frame["predicted"] == frame["genre"]).to_numpy(dtype=float) for frame in both]
    difference: np.ndarray = hits[0] - hits[1]
    group = covers.drop_duplicates("cover_id").set_index("cover_id")["group"].loc[both[0].index].to_numpy()
    weights = group_weights(group, run.config["seed"], SCORE_RESAMPLES)
    resampled = weights @ difference / weights.sum(axis=1)
    ends = score_interval(resampled, len(np.unique(group)), widening(run.config["folds"]), least=-1)
    return Interval(float(difference.mean()), *ends)


def run_gist(run: Run, usual: str, chance: float, difference: Interval | None) -> list[str]:
    """Three sentences in plain words: which model won, what that is worth, which block says most."""
    best = run.accuracy(run.chosen)
    covers = f"{int(run.chosen.confusion[run.split].to_numpy().sum()):,} {HELD_OUT_WORDS[run.split]}"
    won = (
        f"The best model is {run.chosen.classifier} on {run.chosen.on}: it names the right genre for"
        f" {percent(best.value)} of {covers} (95\u00a0% interval {spread(best)})."
    )
    guess = f"Always saying {usual}, the most frequent genre, would be right for {percent(chance)}"
    if difference is None:
        return [
            won,
            f"{guess}.",
            "No block was tried alone beside others, so nothing is said here of what fusing adds.",
        ]
    single = run.alone[0]
    least = min(run.alone, key=lambda model: run.accuracy(model).value)
    interval = f"95\u00a0% interval {points(difference.low)} to {points(difference.high)}"
    size = f"{100 * abs(difference.value):.1f} points"
    doing = "fusing" if len(run.chosen.blocks) > 1 else "learning from pictures"
    if difference.low > 0:
        verdict = f"{doing} gains {size} over that ({interval})"
    elif difference.high < 0:
        verdict = f"{doing} loses {size} against that ({interval})"
    else:
        verdict = f"{doing} makes no sure difference ({points(difference.value)} points, {interval})"
    worth = f"{guess} and the best single block for {percent(run.accuracy(single).value)}; {verdict}."
    alone = (
        f"Alone, the block {single.blocks[0]} tells the genre best ({single.classifier}:"
        f" {percent(run.accuracy(single).value)}, interval {spread(run.accuracy(single))})"
    )
    if least.blocks != single.blocks:
        alone += f", and {least.blocks[0]} tells it least ({percent(run.accuracy(least).value)})"
    return [won, worth, f"{alone}."]


def choice_in_words(run: Run) -> str:
    """What chose the bundle's model, and what covers set its thresholds."""
    held_out = f"the {SPLIT_LABELS[run.other or run.split]} covers" if run.other else "the covers"
    if sum(model.kind == "fused" for model in run.models) < 2:
        return f"One model alone could be chosen, so all of {held_out} calibrate it and set its thresholds."
    return (
        f"The chosen model has the best {METRICS[run.chosen_by].label} on one half of {held_out}; the other "
        f"half calibrates it and sets its thresholds, since covers that chose a model flatter it."
    )


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
            main=run.accuracy(model),
            other=model.scores[run.other]["accuracy"] if run.other else None,
        )
        for model in models
    ]
    proba = predictions.filter(regex="^p_").max(axis=1).to_numpy()
    correct = (predictions["predicted"] == predictions["genre"]).to_numpy()
    charts = {
        "dots": dots,
        "axis": figures.accuracy_axis(dots, chance),
        "chance": chance,
        "split": run.split,
        "other": run.other,
        "splits": SPLIT_LABELS,
        "bins": reliability(proba, correct),
        "confusion": figures.confusion_rows(run.chosen.confusion[run.split]),
    }
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    for name in CHARTS:
        svg = pages.render(f"{name}.svg", charts | {"colours": figures.LIGHT, "standalone": True}, FILTERS)
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    return charts


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


FILTERS: pages.Filters = {"percent": percent, "spread": spread, "points": points}
