"""A score with its interval, and the bins of a reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from coverfusion.experiments.evaluation.metrics import RELIABILITY_BINS


@dataclass(frozen=True)
class Interval:
    """A score with its 95 % interval."""

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


def reliability(confidence: np.ndarray, correct: np.ndarray) -> list[Bin]:
    """The bins of a reliability diagram that hold covers, as the expected calibration error uses them.

    Args:
        confidence: (n,) the highest probability of each cover.
        correct: (n,) bool, whether that genre was right.

    Returns:
        Bins with the mean confidence, the accuracy, and its 95 % Wilson interval (Wilson 1927).
    """
    numbers = np.clip(np.ceil(confidence * RELIABILITY_BINS).astype(int) - 1, 0, RELIABILITY_BINS - 1)
    bins = []
    for number in np.unique(numbers):
        inside = numbers == number
        covers, hits = int(inside.sum()), int(correct[inside].sum())
        bins.append(
            Bin(
                low=number / RELIABILITY_BINS,
                high=(number + 1) / RELIABILITY_BINS,
                covers=covers,
                confidence=float(confidence[inside].mean()),
                accuracy=Interval(
                    hits / covers, *map(float, proportion_confint(hits, covers, 0.05, "wilson"))
                ),
            )
        )
    return bins
