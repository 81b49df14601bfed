"""A score with its interval, and the bins of a reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coverfusion.experiments.evaluation.metrics import RELIABILITY_BINS
from coverfusion.experiments.evaluation.statistics import proportion_interval

CALIBRATED_DRAWS = 200


@dataclass(frozen=True)
class Interval:
    """A score with its 95 % interval; NaN where a score has none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """Covers whose highest probability fell into [low, high)."""

    low: float
    high: float
    covers: int
    confidence: float
    accuracy: Interval


def reliability(
    confidence: np.ndarray, correct: np.ndarray, groups: np.ndarray, wider: float = 1.0
) -> list[Bin]:
    """The bins of a reliability diagram that hold covers, as the expected calibration error uses them.

    Args:
        confidence: (n,) the highest probability of each cover.
        correct: (n,) bool, whether that genre was right.
        groups: (n,) labels of covers that belong together.
        wider: from `evaluation.statistics.widening`.

    Returns:
        Bins with the mean confidence, the accuracy, and its 95 % interval (Wilson 1927, counted in groups).
    """
    numbers = _bins(confidence)
    return [
        Bin(
            low=number / RELIABILITY_BINS,
            high=(number + 1) / RELIABILITY_BINS,
            covers=int((numbers == number).sum()),
            confidence=float(confidence[numbers == number].mean()),
            accuracy=grouped_proportion(correct[numbers == number], groups[numbers == number], wider),
        )
        for number in np.unique(numbers)
    ]


def grouped_proportion(correct: np.ndarray, groups: np.ndarray, wider: float = 1.0) -> Interval:
    """How many are right, with Wilson's interval counted in groups.

    Args:
        correct: (n,) bool, at least one.
        groups: (n,) labels of covers that belong together.
        wider: from `evaluation.statistics.widening`.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    value, sizes = float(np.mean(correct)), np.bincount(codes)
    away = np.bincount(codes, weights=correct) - value * sizes
    variance = float((away**2).sum()) / len(correct) ** 2  # what a bootstrap of groups would come to
    return Interval(value, *proportion_interval(value, variance, len(sizes), wider))


def chance_error(confidence: np.ndarray, seed: int = 0) -> float:
    """The expected calibration error that perfect probabilities would show on these covers, by chance alone.

    So many covers are right as the probabilities say, drawn anew again and again: J. Bröcker and L. A. Smith,
    Increasing the Reliability of Reliability Diagrams, Weather and Forecasting 22, 2007.

    Args:
        confidence: (n,) the highest probability of each cover.
        seed: of the draws.
    """
    numbers, rng = _bins(confidence), np.random.default_rng(seed)
    gaps = [
        np.abs(np.bincount(numbers, weights=confidence - (rng.random(len(confidence)) < confidence))).sum()
        for _ in range(CALIBRATED_DRAWS)
    ]
    return float(np.mean(gaps)) / len(confidence)


def _bins(confidence: np.ndarray) -> np.ndarray:
    return np.clip(np.ceil(confidence * RELIABILITY_BINS).astype(int) - 1, 0, RELIABILITY_BINS - 1)
