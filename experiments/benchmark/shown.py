"""A task, a submission and a leaderboard as the terminal and the page say them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from coverfusion.data.plurals import how_many
from coverfusion.experiments.benchmark.board import NEAR_PERFECT, Board
from coverfusion.experiments.benchmark.matching import GONE, LOOKS_ALIKE, OTHER_BYTES, SAME
from coverfusion.experiments.benchmark.submission import GUESSING, Submission
from coverfusion.experiments.benchmark.task import Task
from coverfusion.experiments.drawing.words import (
    gain_words,
    headed,
    interval_words,
    listed,
    p_value,
    scored,
    value_words,
)
from coverfusion.experiments.evaluation import ALPHA
from coverfusion.experiments.evaluation.chosen_metric import Metric, metric_value
from coverfusion.experiments.evaluation.intervals import Interval

UNCHECKED = (
    "it has no digest of both files, as tasks of earlier versions, so its ids, names, terms and seed were "
    "not checked"
)
TOO_GOOD = (
    f"An accuracy of {100 * NEAR_PERFECT:.0f} % or more is rare for pictures. Check that no picture was "
    f"learnt from by the model that predicts it."
)


def status_words(task: Task, found: pd.DataFrame) -> list[str]:
    """How many pictures are here, and what became of the others."""
    counts = found["status"].value_counts()
    same = int(counts.get(SAME, 0))
    said = [f"{same:,} of {how_many(len(found), 'picture')} of {task.name} are here, byte for byte."]
    words = {
        OTHER_BYTES: "here with other bytes, found by {}".format("release id" if task.source else "name"),
        LOOKS_ALIKE: "left out: they look like pictures of another fold or genre here",
        GONE: "not here",
    }
    said += [f"{counts[status]:,} {what}." for status, what in words.items() if status in counts]
    if counts.get(GONE, 0) + counts.get(LOOKS_ALIKE, 0):
        said.append("A submission fills them in by --guess-missing, and the leaderboard counts them.")
    return said


def scored_words(task: Task, submission: Submission) -> list[str]:
    """The value of a submission, and what is odd about it."""
    truth = pd.Index(task.genres).get_indexer(pd.Index(task.pictures["genre"]))
    proba = submission.probabilities.to_numpy()
    codes = proba.argmax(axis=1)
    value = metric_value(task.metric, truth, codes, proba)
    said = [f"{submission.name}: {task.metric.label} {value_words(task.metric, value)}."]
    if submission.guessed:
        said.append(f"{how_many(submission.guessed, 'picture was', 'pictures were')} guessed.")
    if float(np.mean(truth == codes)) >= NEAR_PERFECT:
        said.append(TOO_GOOD)
    return said


def score_of(board: Board, system: str) -> Interval:
    """Of the task's metric."""
    row = board.scores.set_index("system").loc[system].to_dict()
    column = board.task.metric.column
    return Interval(*(float(row[column + end]) for end in ("", "_low", "_high")))


def verdict(board: Board) -> list[str]:
    """Which system is best, which are significantly worse, and which are no better than guessing."""
    metric, best = board.task.metric, board.best
    score = score_of(board, best)
    ends = interval_words(metric, score)
    said = [f"{best} has the best {metric.label}: {value_words(metric, score.value)} ({ends})."]
    others = board.against(best).drop(index=GUESSING, errors="ignore")
    order = [name for name in board.scores["system"] if name in others.index]
    worse = [name for name in order if others.loc[name, "p_holm"] < ALPHA]
    rest = [name for name in order if name not in worse]
    if worse and best != GUESSING:
        said.append(f"It is significantly better than {listed(worse)}.")
    if rest and best != GUESSING:
        said.append(f"It is not significantly better than {listed(rest)}.")
    over = board.against(GUESSING)
    guessed = [
        name
        for name in board.scores["system"]
        if name != GUESSING and not (over.loc[name, "p_holm"] < ALPHA and over.loc[name, "difference"] > 0)
    ]
    if len(guessed) == len(board.scores) - 1 > 1:
        said.append("No system is significantly better than guessing.")
    elif guessed:
        said.append(f"Not significantly better than guessing: {listed(guessed)}.")
    if board.flagged:
        said.append(f"Too good to be taken as it is: {listed(board.flagged)}. {TOO_GOOD}")
    return said


def printed_board(board: Board) -> pd.DataFrame:
    """The leaderboard as the terminal shows it."""
    metric, names = board.task.metric, board.scores["system"].tolist()
    behind = board.against(board.best)
    return pd.DataFrame(
        {
            "system": names,
            headed(metric.label, metric.percent): [scored(score_of(board, n), metric.percent) for n in names],
            f"best ahead,\n{metric.unit}": [_ahead(metric, behind, name) for name in names],
            "p": [p_value(behind.loc[name, "p_holm"]) if name in behind.index else "" for name in names],
        }
    )


def _ahead(metric: Metric, behind: pd.DataFrame, name: str) -> str:
    if name not in behind.index:
        return ""
    row = behind.loc[name].to_dict()
    value, low, high = (gain_words(metric, -float(row[end])) for end in ("difference", "high", "low"))
    return f"{value} ({low} to {high})"
