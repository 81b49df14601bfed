"""Scores of predicted probabilities, each with a bootstrap interval.

Every score is a function of sums over covers (a confusion matrix, hits, losses, reliability bins), so one
matrix product with the resampling weights gives all resamples at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.chosen_metric import LOSSES, cover_losses, loss_interval
from coverfusion.experiments.evaluation.statistics import (
    effective_groups,
    group_weights,
    score_interval,
    widening,
)

SCORE_RESAMPLES = 1000
RELIABILITY_BINS = 15  # of the expected calibration error, as in Guo et al. 2017


@dataclass(frozen=True)
class Scores:
    """Scores of one model on some covers.

    Attributes:
        overall: rows are scores, columns `value`, `low`, `high`. Macro scores and balanced accuracy are
            means over the genres that have covers here; calling a cover another genre is a mistake all the
            same. The calibration error has no interval (NaN): it is the larger the fewer the covers, and no
            interval that was tried held its true value (`evaluation.intervals.chance_error` says how large
            it is without any fault).
        per_genre: rows (genre, score) with score in precision, recall, f1; the same columns, and `covers`.
            Where there is nothing to score (no covers, or none called so) it is 0, from 0 to 1.
        confusion: (k, k) counts, rows true genres, columns predicted ones.
        covers: how many there are.
    """

    overall: pd.DataFrame
    per_genre: pd.DataFrame
    confusion: pd.DataFrame
    covers: int


def score_predictions(
    y: Sequence[str] | np.ndarray,
    proba: np.ndarray,
    classes: Sequence[str],
    groups: Sequence[object] | np.ndarray,
    seed: int = 0,
    folds: int | None = None,
) -> Scores:
    """Scores with 95 % intervals by a bootstrap of groups (`evaluation.statistics.score_interval`).

    Args:
        y: n true genres.
        proba: (n, k) probabilities, columns in the order of `classes`.
        classes: k genres.
        groups: n labels; covers of one group are drawn together (Efron and Tibshirani 1993, ch. 8).
        seed: of the resampling.
        folds: how many the probabilities are pooled from, which widens the intervals; None: one split.
    """
    k, wider = len(classes), widening(folds)
    sums = _per_cover(np.asarray(y), np.asarray(proba, dtype=np.float64), list(classes))
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    exact = _from_sums(np.ones((1, len(sums))) @ sums, k)
    resampled = _from_sums(group_weights(codes, seed, SCORE_RESAMPLES) @ sums, k)
    cells = sums[:, : k * k].reshape(-1, k, k)
    resting = {name: effective_groups(cells.sum(axis=2), codes) for name in EACH_GENRE_ALIKE}
    overall = score_frame(
        {
            name: (
                exact[name][0],
                *_ends(
                    name,
                    float(exact[name][0]),
                    resampled[name],
                    resting.get(name, codes.max() + 1),
                    wider,
                ),
            )
            for name in OVERALL_SCORES
        }
    )
    if k <= 3:
        overall.loc["top3_accuracy", ["low", "high"]] = 1.0  # it cannot miss
    counted = {"support": cells.sum(axis=2) > 0, "predicted": cells.sum(axis=1) > 0}
    confusion = cells.sum(axis=0).astype(int)
    exact_of_genres = {name: exact[name][0] for name in GENRE_SCORE_BASES}
    per_genre = genre_scores(
        exact_of_genres, resampled, GENRE_SCORE_BASES, counted, codes, list(classes), wider
    ).assign(covers=np.repeat(confusion.sum(axis=1), len(GENRE_SCORE_BASES)))
    named = pd.DataFrame(
        confusion, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted")
    )
    return Scores(overall, per_genre, named, len(sums))


OVERALL_SCORES = (
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "precision_weighted",
    "recall_weighted",
    "f1_weighted",
    "top3_accuracy",
    "log_loss",
    "brier",
    "ece",
)
EACH_GENRE_ALIKE = ("balanced_accuracy", "precision_macro", "recall_macro", "f1_macro")
GENRE_SCORE_BASES = {
    "precision": "predicted",
    "recall": "support",
    "f1": "support",
}  # and the covers it is of


def genre_scores(
    exact: Mapping[str, np.ndarray],
    resampled: Mapping[str, np.ndarray],
    bases: Mapping[str, str],
    counted: Mapping[str, np.ndarray],
    codes: np.ndarray,
    classes: Sequence[str],
    wider: float,
) -> pd.DataFrame:
    """Scores of each genre with their intervals, rows (genre, score).

    Args:
        exact: score -> (k,) values of all covers.
        resampled: score or base -> (b, k) of the resamples.
        bases: score -> the base that it is a proportion of; a resample without any has no value.
        counted: base -> (n, k) bool, the covers in it.
        codes: (n,) numbers of the covers' groups.
        classes: k genres.
        wider: from `widening`.
    """
    tables = {}
    for i, genre in enumerate(classes):
        rows = {}
        for name, whole in bases.items():
            resamples = np.where(resampled[whole][:, i] > 0, resampled[name][:, i], np.nan)
            own = len(np.unique(codes[counted[whole][:, i]]))
            value = float(exact[name][i])
            rows[name] = (value, *score_interval(value, resamples, own, wider))
        tables[genre] = score_frame(rows)
    return pd.concat(tables, names=["genre", "score"])


def _per_cover(y: np.ndarray, proba: np.ndarray, classes: list[str]) -> np.ndarray:
    """(n, k*k + 3 + 2*BINS): confusion matrix's cell, top-3 hit (0 to 1), log loss, Brier, reliability."""
    n, k = proba.shape
    rows = np.arange(n)
    true = pd.Index(classes).get_indexer(pd.Index(y))
    if (true < 0).any():
        raise ValueError(f"genres without a probability: {sorted(set(y[true < 0]))}")
    best = proba.argmax(axis=1)
    cells = np.zeros((n, k * k))
    cells[rows, true * k + best] = 1
    own = proba[rows, true]
    # of genres that tie for a place among three, chance names which are in
    above, tied = (proba > own[:, None]).sum(axis=1), (proba == own[:, None]).sum(axis=1)
    top3 = np.clip((3 - above) / tied, 0, 1)
    confidence = proba[rows, best]
    bins = np.clip(np.ceil(confidence * RELIABILITY_BINS).astype(int) - 1, 0, RELIABILITY_BINS - 1)
    reliability = np.zeros((n, 2 * RELIABILITY_BINS))
    reliability[rows, bins] = confidence
    reliability[rows, RELIABILITY_BINS + bins] = best == true
    return np.column_stack([cells, top3, cover_losses(true, proba), reliability])


def _from_sums(sums: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """All scores of b resamples from their sums, (b, ...); definitions as in scikit-learn.

    A proportion of nothing is 0; a genre without covers in a resample has no part in its macro scores.
    """
    cells = sums[:, : k * k].reshape(-1, k, k)
    hits = np.diagonal(cells, axis1=1, axis2=2)
    support, predicted, n = cells.sum(axis=2), cells.sum(axis=1), cells.sum(axis=(1, 2))
    precision, recall = ratio(hits, predicted), ratio(hits, support)
    f1 = ratio(2 * hits, support + predicted)
    priors = support / n[:, None]
    there = support > 0
    reliability = sums[:, k * k + 3 :]
    gaps = np.abs(reliability[:, :RELIABILITY_BINS] - reliability[:, RELIABILITY_BINS:])
    out = {
        "accuracy": hits.sum(axis=1) / n,
        "balanced_accuracy": recall.mean(axis=1, where=there),
        "top3_accuracy": sums[:, k * k] / n,
        "log_loss": sums[:, k * k + 1] / n,
        "brier": sums[:, k * k + 2] / n,
        "ece": gaps.sum(axis=1) / n,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "support": support,
        "predicted": predicted,
    }
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        out[f"{name}_macro"] = values.mean(axis=1, where=there)
        out[f"{name}_weighted"] = (values * priors).sum(axis=1)
    return out


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part by part; 0 where the whole is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _ends(name: str, value: float, resampled: np.ndarray, groups: float, wider: float) -> tuple[float, float]:
    if name == "ece":
        return np.nan, np.nan
    if name in LOSSES:
        return loss_interval(value, resampled, groups, wider)
    return score_interval(value, resampled, groups, wider)


def score_frame(rows: dict[str, tuple[float, float, float]]) -> pd.DataFrame:
    """Rows are scores, columns `value`, `low`, `high`."""
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])
