"""Scores of all systems, and of each pair how much better one is, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.experiments.benchmark.submission import GUESSING, Submission, guessed_probabilities
from coverfusion.experiments.benchmark.task import Task
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric, cover_losses, metric_interval
from coverfusion.experiments.evaluation.compared import compared_by_groups
from coverfusion.experiments.evaluation.metrics import SCORE_RESAMPLES
from coverfusion.experiments.evaluation.statistics import group_weights, holm, widening

NEAR_PERFECT = 0.95  # of accuracy; pictures hardly tell so much
BASELINE = Submission(
    GUESSING,
    pd.DataFrame(),
    trained_on="how common genres are",
    notes="names the most frequent genre, with the proportions outside the fold as probabilities",
)


@dataclass(frozen=True)
class Board:
    """A leaderboard.

    Attributes:
        task: that all are for.
        submissions: by name, `GUESSING` among them.
        scores: one row a system, the best first: `system`, and for each metric its value, `_low` and `_high`.
        pairs: one row a pair, as `compared` gives it.
    """

    task: Task
    submissions: dict[str, Submission]
    scores: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def best(self) -> str:
        """The first system."""
        return str(self.scores["system"].iloc[0])

    def against(self, reference: str) -> pd.DataFrame:
        """By system: how much better it is than a reference, `low`, `high`, `p` and `p_holm`."""
        forward = self.pairs[self.pairs["second"] == reference].set_index("first")
        backward = self.pairs[self.pairs["first"] == reference].set_index("second")
        turned = backward.assign(
            difference=-backward["difference"], low=-backward["high"], high=-backward["low"]
        )
        return pd.concat([forward, turned])[["difference", "low", "high", "p", "p_holm"]]

    @property
    def flagged(self) -> list[str]:
        """Systems too good to be true: more likely than not they have seen what they were to predict."""
        return self.scores.loc[self.scores["accuracy"] >= NEAR_PERFECT, "system"].tolist()


def make_board(
    task: Task, submissions: Sequence[Submission], progress: Callable[[], None] = lambda: None
) -> Board:
    """Scores the submissions and guessing, and compares each pair.

    Intervals and tests draw whole groups and are widened because folds share what they learn from. The
    difference of a pair is that of the two pooled values on the board, so no means over folds are taken, as
    `coverfusion compare` does for two runs.

    Args:
        task: that all are for.
        submissions: checked.
        progress: called after each pair.

    Raises:
        UserError: no submission, or two of one name.
    """
    names = [one.name for one in submissions]
    twice = [name for name in [*names, GUESSING] if [*names, GUESSING].count(name) > 1]
    if twice or not names:
        what = f"two submissions are called '{twice[0]}'. Rename one" if twice else "nothing was submitted"
        raise UserError(f"{task.name}: {what}.")
    truth = pd.Index(task.genres).get_indexer(pd.Index(task.pictures["genre"]))
    groups = task.pictures["group"].to_numpy()
    predicted = {one.name: _argmax(one.probabilities) for one in submissions}
    predicted[GUESSING] = _guess(task)
    weights = group_weights(groups, task.seed, SCORE_RESAMPLES)
    rows = []
    for name, (codes, proba) in predicted.items():
        row: dict[str, object] = {"system": name}
        for metric in METRICS.values():
            sums = metric.sums(truth, codes, cover_losses(truth, proba), len(task.genres))
            row |= _scored(metric, sums, weights, groups, widening(task.folds))
        rows.append(row)
    scores = pd.DataFrame(rows)
    order = task.metric.better(scores[task.metric.column]).sort_values(ascending=False, kind="stable").index
    scores = scores.loc[order].reset_index(drop=True)
    pairs = compared(task, scores["system"].tolist(), predicted, truth, progress)
    return Board(task, {one.name: one for one in submissions} | {GUESSING: BASELINE}, scores, pairs)


def compared(
    task: Task,
    names: Sequence[str],
    predicted: dict[str, tuple[np.ndarray, np.ndarray]],
    truth: np.ndarray,
    progress: Callable[[], None],
) -> pd.DataFrame:
    """One row a pair: how much better the first is by the task's metric, `low`, `high`, `p`, `method`.

    `p_holm` is corrected over all pairs, for the best one was chosen by the same pictures.
    """
    metric, groups = task.metric, task.pictures["group"].to_numpy()
    sums = {
        name: metric.sums(truth, codes, cover_losses(truth, proba), len(task.genres))
        for name, (codes, proba) in predicted.items()
    }
    rows = []
    for first, second in combinations(names, 2):
        pair = (sums[first], sums[second])
        test, method = compared_by_groups(metric, pair, groups, task.seed, widening(task.folds))
        rows.append((first, second, test.difference, test.low, test.high, test.p, method))
        progress()
    table = pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p", "method"])
    return table.assign(p_holm=holm(table["p"].to_numpy()))


def _scored(
    metric: Metric, sums: np.ndarray, weights: np.ndarray, groups: np.ndarray, wider: float
) -> dict[str, float]:
    value = float(metric.value(sums.sum(axis=0, keepdims=True))[0])
    low, high = metric_interval(
        metric, value, metric.value(weights @ sums), metric.groups(sums, groups), wider
    )
    return {metric.column: value, f"{metric.column}_low": low, f"{metric.column}_high": high}


def _argmax(probabilities: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    proba = probabilities.to_numpy()
    return proba.argmax(axis=1), proba


def _guess(task: Task) -> tuple[np.ndarray, np.ndarray]:
    named, proba = guessed_probabilities(task)
    return pd.Index(task.genres).get_indexer(pd.Index(named)), proba.to_numpy()
