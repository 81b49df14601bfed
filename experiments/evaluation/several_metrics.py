"""Scores of covers that may have several genres, each with a bootstrap interval.

Definitions are scikit-learn's (`f1_score`, `hamming_loss`, `label_ranking_loss`, `average_precision_score`);
a genre without covers has no part in a mean over genres. G. Tsoumakas, I. Katakis and I. Vlahavas, Mining
Multi-label Data, 2010, tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, cover_losses, loss_interval
from coverfusion.experiments.evaluation.metrics import (
    GENRE_SCORE_BASES,
    SCORE_RESAMPLES,
    Scores,
    genre_scores,
    ratio,
    score_frame,
)
from coverfusion.experiments.evaluation.statistics import (
    effective_groups,
    group_weights,
    score_interval,
    widening,
)

SET_SCORES = (
    "accuracy",
    "f1_macro",
    "f1_micro",
    "balanced_accuracy",
    "average_precision",
    "hamming_loss",
    "ranking_loss",
    "log_loss",
    "brier",
)
_GENRE_SCORES = {**GENRE_SCORE_BASES, "average_precision": "support"}


def score_sets(
    truth: np.ndarray,
    named: np.ndarray,
    proba: np.ndarray,
    classes: Sequence[str],
    groups: Sequence[object] | np.ndarray,
    seed: int = 0,
    folds: int | None = None,
) -> Scores:
    """Scores with 95 % intervals by a bootstrap of groups, as `metrics.score_predictions`.

    Args:
        truth: (n, k) bool, the genres of each cover.
        named: (n, k) bool, the predicted ones.
        proba: (n, k) probability of each genre.
        classes: k genres.
        groups: n labels; covers of one group are drawn together.
        seed: of the resampling.
        folds: how many the probabilities are pooled from; None: one split.

    Returns:
        The scores. `accuracy` is the proportion of covers whose genres are all right (subset accuracy). In
        `confusion` a row's cell counts the covers of that genre that were called another, which they do not
        have; the diagonal counts those called the genre itself.
    """
    wider = widening(folds)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    weights = np.vstack([np.ones(len(truth)), group_weights(codes, seed, SCORE_RESAMPLES)])
    losses = cover_losses(truth, proba)
    by_metric = {metric.column: metric for metric in SET_METRICS.values()}
    precision = average_precision(truth, proba, weights)
    rows: dict[str, tuple[float, float, float]] = {}
    for name in SET_SCORES:
        if name == "average_precision":
            there = truth.any(axis=0)
            values, rests = precision[:, there].mean(axis=1), effective_groups(truth.astype(float), codes)
        else:
            metric = by_metric[name]
            sums = metric.sums(truth, named, losses, len(classes))
            values, rests = metric.value(weights @ sums), metric.groups(sums, codes)
        is_loss = name in by_metric and not by_metric[name].percent
        ends = (loss_interval if is_loss else score_interval)(float(values[0]), values[1:], rests, wider)
        rows[name] = (float(values[0]), *ends)
    return Scores(
        score_frame(rows),
        _per_genre(truth, named, precision, weights, codes, list(classes), wider),
        _called_instead(truth, named, list(classes)),
        len(truth),
    )


def average_precision(truth: np.ndarray, proba: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(b, k) average precision of each genre under each of (b, n) weights; NaN without covers of it.

    The sum over covers of a genre of the precision among those ranked as high, covers of equal probability
    together (`sklearn.metrics.average_precision_score`).
    """
    made = np.full((len(weights), truth.shape[1]), np.nan)
    for code in range(truth.shape[1]):
        order = np.argsort(-proba[:, code], kind="stable")
        last = np.append(np.diff(proba[order, code]) != 0, True)  # of covers of equal probability
        hits = np.cumsum(weights[:, order] * truth[order, code], axis=1)[:, last]
        every = np.cumsum(weights[:, order], axis=1)[:, last]
        gained = np.diff(hits, axis=1, prepend=0)
        precision = ratio(hits, every)
        total = hits[:, -1]
        np.divide((gained * precision).sum(axis=1), total, out=made[:, code], where=total > 0)
    return made


def _per_genre(
    truth: np.ndarray,
    named: np.ndarray,
    average: np.ndarray,
    weights: np.ndarray,
    codes: np.ndarray,
    classes: list[str],
    wider: float,
) -> pd.DataFrame:
    hits, support, called = (weights @ each.astype(float) for each in (truth & named, truth, named))
    values = {
        "precision": ratio(hits, called),
        "recall": ratio(hits, support),
        "f1": ratio(2 * hits, support + called),
        "average_precision": np.nan_to_num(average),
    }
    exact = {name: found[0] for name, found in values.items()}
    resampled = {
        name: found[1:] for name, found in (values | {"predicted": called, "support": support}).items()
    }
    counted = {"predicted": named, "support": truth}
    per_genre = genre_scores(exact, resampled, _GENRE_SCORES, counted, codes, classes, wider)
    return per_genre.assign(covers=np.repeat(truth.sum(axis=0), len(_GENRE_SCORES)))


def _called_instead(truth: np.ndarray, named: np.ndarray, classes: list[str]) -> pd.DataFrame:
    wrong = truth.T.astype(int) @ (named & ~truth).astype(int)
    wrong[np.diag_indices(len(classes))] = (truth & named).sum(axis=0)
    return pd.DataFrame(
        wrong, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted")
    )
