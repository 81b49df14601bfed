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
    region,
    spread,
)
from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.group_tests import group_tests
from coverfusion.experiments.evaluation.intervals import Interval, chance_error, reliability
from coverfusion.experiments.evaluation.rope import Practical, correlated_t_rope
from coverfusion.experiments.pipeline.chosen_by_score import corrected_accuracy, differences_of
from coverfusion.experiments.pipeline.run_folder import Run, chance_of, read_run
from coverfusion.experiments.training.limits import caveats
from coverfusion.experiments.training.mistakes import confident_mistakes
from coverfusion.experiments.training.nested_study import nested_words
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
    difference, corrected = gain(run, covers), corrected_accuracy(run)
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
        "main_scores": MAIN_SCORES,
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


# --- what it comes to ----------------------------------------------------------------------------------


def gain(run: Run, covers: pd.DataFrame) -> Interval | None:
    """Accuracy of the chosen model less that of the best single block, on the same covers.

    Where validation chose both, the 95 % interval is of sign-flips over groups
    (`experiments.evaluation.group_tests`). Where the same covers chose them, it holds for all pairs of models
    at once (`experiments.evaluation.best_of_many`) and is widened for folds. None where no block stood alone.
    """
    if not run.alone:
        return None
    if run.other is None:
        return differences_of(run).interval(run.models.index(run.chosen), run.models.index(run.alone[0]))
    difference, groups = _gained(run, covers)
    test = group_tests(difference.to_numpy()[:, None], groups, run.config["seed"])[0]
    return Interval(test.difference, test.low, test.high)


def practical_gain(run: Run, covers: pd.DataFrame) -> Practical:
    """How probable it is that the gain does not matter, over the folds or over groups."""
    difference, groups = _gained(run, covers)
    folds = run.folds(covers)
    if folds is None:
        return group_tests(difference.to_numpy()[:, None], groups, run.config["seed"])[0].practical
    by_fold = difference.groupby(folds.loc[difference.index]).mean().to_numpy()
    return correlated_t_rope(by_fold, 1 / (len(by_fold) - 1), len(difference) / len(by_fold))


def _gained(run: Run, covers: pd.DataFrame) -> tuple[pd.Series, np.ndarray]:
    """cover_id -> what the chosen model got right less what the best single block did, and groups."""
    both = [run.predictions(model) for model in (run.chosen, run.alone[0])]
    hits = [(frame["predicted"] == frame["genre"]).astype(float) for frame in both]
    groups = covers.drop_duplicates("cover_id").set_index("cover_id")["group"].loc[both[0].index]
    return pd.Series(hits[0].to_numpy() - hits[1].to_numpy(), both[0].index), groups.to_numpy()


def chosen_words(run: Run, corrected: Interval | None) -> list[str]:
    """What the choice adds to the best score, and which models may be as good; none of a run with a split."""
    if corrected is None:
        return []
    fused = [model for model in run.models if model.kind == "fused"]
    many, best = differences_of(run), run.models.index(run.chosen)
    near = [
        model.classifier
        for model in fused
        if model is not run.chosen and many.interval(best, run.models.index(model)).low <= 0
    ]
    rest = len(fused) - 1 - len(near)
    without = f"{percent(corrected.value)} ({spread(corrected)})"
    sentences = [f"As the best of {len(fused)} on the same covers it may be flattered: corrected, {without}."]
    if near:
        sentences.append(
            f"Not surely worse in accuracy: {', '.join(near)}"
            f"{f'; surely worse: {rest} others' if rest else ''}."
        )
    elif rest:
        sentences.append("All others are surely worse in accuracy.")
    return sentences


def run_gist(
    run: Run, usual: str, chance: float, difference: Interval | None, practical: Practical | None = None
) -> list[str]:
    """Three sentences in plain words: which model won, what that is worth, which block says most."""
    best = run.accuracy(run.chosen)
    level = f"interval of {'' if run.other else 'at least '}95\u00a0%"
    covers = f"{int(run.chosen.confusion[run.split].to_numpy().sum()):,} {HELD_OUT_WORDS[run.split]}"
    won = (
        f"The chosen model is {run.chosen.classifier} on {run.chosen.on}: it names the right genre for"
        f" {percent(best.value)} of {covers} ({level}: {spread(best)})."
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
    interval = f"{level}: {points(difference.low)} to {points(difference.high)}"
    size = f"{100 * abs(difference.value):.1f} points"
    doing = "fusing" if len(run.chosen.blocks) > 1 else "learning from pictures"
    if difference.low > 0:
        verdict = f"{doing} gains {size} over that ({interval})"
    elif difference.high < 0:
        verdict = f"{doing} loses {size} against that ({interval})"
    else:
        verdict = f"{doing} makes no sure difference ({points(difference.value)} points, {interval})"
    if practical is not None:
        verdict += f"; practically equal within {region(ROPE)} with probability {practical.equal:.2f}"
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
    proba = highest_probability(predictions)
    correct = (predictions["predicted"] == predictions["genre"]).to_numpy()
    charts = {
        "dots": dots,
        "axis": figures.accuracy_axis(dots, chance),
        "chance": chance,
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


FILTERS: pages.Filters = {"percent": percent, "spread": spread, "points": points}
