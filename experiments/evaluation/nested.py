"""Nested cross-validation: an interval of the accuracy of the model that learns from all these covers.

Plain folds cannot say how far their mean lies from the truth, as their training covers overlap. Nested folds
measure it: inside the covers left of one fold another cross-validation predicts how well that fold will be
told. S. Bates, T. Hastie and R. Tibshirani, Cross-Validation: What Does It Estimate and How Well Does It Do
It?, JASA 119, 2024.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from coverfusion.experiments.evaluation.statistics import CONFIDENCE_LEVEL


@dataclass(frozen=True)
class NestedFold:
    """One fold of one repeat.

    Attributes:
        inside: (i,) whether covers outside of this fold were told right, by models that had seen neither them
            nor this fold.
        outside: (o,) whether covers of this fold were told right, by the model that saw all others.
        groups: (o,) labels.
    """

    inside: np.ndarray
    outside: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True)
class NestedAccuracy:
    """What nested folds say.

    Attributes:
        value: accuracy of the model that learns from all covers, in expectation.
        low, high: its interval.
        folds: mean accuracy of the plain folds.
        inflation: how much wider the interval is than if no training covers were shared, 1 to sqrt(folds).
    """

    value: float
    low: float
    high: float
    folds: float
    inflation: float


def nested_accuracy(repeats: Sequence[Sequence[NestedFold]]) -> NestedAccuracy:
    """The interval from repeated nested folds (algorithm 1 of the paper, with its correction of the bias).

    The mean squared error of a fold's prediction, less the variance of what it is held against, is that of
    cross-validation itself. It is kept between the variance without shared training covers and K times that.
    Variances are of means over groups, as covers of a group are right or wrong together.

    Args:
        repeats: R of them, each with K folds, 3 or more.

    Raises:
        ValueError: no repeat, or fewer than three folds.
    """
    every = [fold for repeat in repeats for fold in repeat]
    count = len(repeats[0]) if repeats else 0
    if count < 3:
        raise ValueError(f"nested cross-validation needs a repeat of three folds or more; got {count}")
    gaps = [(fold.inside.mean() - fold.outside.mean()) ** 2 for fold in every]
    noise = [mean_variance(fold.outside, fold.groups) for fold in every]
    plain = float(np.mean([_pooled(repeat) for repeat in repeats]))
    inside = float(np.concatenate([fold.inside for fold in every]).mean())
    independent = float(np.mean([_pooled_variance(repeat) for repeat in repeats]))
    # of folds with (K - 1) / K of the covers; the error of all covers is smaller by as much
    squared = (count - 1) / count * (float(np.mean(gaps)) - float(np.mean(noise)))
    squared = min(max(squared, independent), count * independent)
    # models inside learn from fewer covers than those that are spoken of
    value = inside - (1 + (count - 2) / count) * (inside - plain)
    half = float(norm.ppf((1 + CONFIDENCE_LEVEL) / 2)) * math.sqrt(squared)
    inflation = math.sqrt(squared / independent) if independent else 1.0
    return NestedAccuracy(value, max(value - half, 0.0), min(value + half, 1.0), plain, inflation)


def mean_variance(values: np.ndarray, groups: np.ndarray) -> float:
    """The variance of the mean of (n,) values whose (n,) groups were drawn as wholes; 0 for one group."""
    codes = np.unique(groups, return_inverse=True)[1]
    away = np.bincount(codes, values - values.mean())
    drawn = len(away)
    return float((away**2).sum() * drawn / (drawn - 1) / len(values) ** 2) if drawn > 1 else 0.0


def _pooled(repeat: Sequence[NestedFold]) -> float:
    return float(np.concatenate([fold.outside for fold in repeat]).mean())


def _pooled_variance(repeat: Sequence[NestedFold]) -> float:
    outside = np.concatenate([fold.outside * 1.0 for fold in repeat])
    return mean_variance(outside, np.concatenate([fold.groups for fold in repeat]))
