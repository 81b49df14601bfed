"""Thresholds for covers of several genres: from which probability on a cover is called a genre."""

from __future__ import annotations

import numpy as np

NEVER = 2.0  # a threshold above all probabilities


def best_thresholds(truth: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """(k,) thresholds that have the best F1 of each genre on these covers.

    Thresholds that maximise F1 are found by trying every probability: Z. C. Lipton, C. Elkan and
    B. Naryanaswamy, Optimal Thresholding of Classifiers to Maximize F1 Measure, ECML 2014. Each lies in the
    middle between two probabilities. A genre without covers is never called.

    Args:
        truth: (n, k) bool.
        proba: (n, k); of covers that the model has not seen.
    """
    return np.array([_best(has, chances) for has, chances in zip(truth.T, proba.T, strict=True)])


def called(proba: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(n, k) bool: the genres of each cover; where none reaches its threshold the one that is nearest to it.

    Args:
        proba: (n, k).
        thresholds: (k,).
    """
    says = proba >= thresholds
    nearest = (proba - thresholds).argmax(axis=1)
    none = ~says.any(axis=1)
    says[none, nearest[none]] = True
    return says


def _best(has: np.ndarray, chances: np.ndarray) -> float:
    if not has.any():
        return NEVER
    order = np.argsort(-chances, kind="stable")
    ranked = chances[order]
    hits = np.cumsum(has[order])
    f1 = 2 * hits / (np.arange(1, len(has) + 1) + has.sum())
    last = np.append(ranked[:-1] > ranked[1:], True)  # of covers of equal probability
    best = int(np.flatnonzero(last)[f1[last].argmax()])
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)
