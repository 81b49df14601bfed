"""How probable is it that a difference does not matter? A region of practical equivalence (ROPE).

A p-value cannot say that two models are equal. These probabilities can: A. Benavoli, G. Corani, J. Demsar and
M. Zaffalon, Time for a Change: a Tutorial for Comparing Multiple Classifiers Through Bayesian Analysis,
JMLR 18, 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.evaluation.statistics import fold_error


@dataclass(frozen=True)
class Practical:
    """Three probabilities that sum to 1.

    Attributes:
        equal: that the difference lies within the region.
        first: that the first model is better by more than that.
        second: that the second is.
    """

    equal: float
    first: float
    second: float


UNKNOWN = Practical(np.nan, np.nan, np.nan)


def correlated_t_rope(
    differences: np.ndarray, test_to_train: float, covers: float, rope: float = ROPE, step: float = 0.0
) -> Practical:
    """The Bayesian correlated t-test over the folds of (repeated) cross-validation.

    With a flat prior the mean difference is distributed as Student's t around the folds' mean, with the error
    that the corrected t-test has: G. Corani and A. Benavoli, A Bayesian Approach for Comparing
    Cross-Validated Algorithms on Multiple Data Sets, Machine Learning 100, 2015.

    Args:
        differences: (J,) one difference of scores a fold, over all repeats.
        test_to_train: n_test / n_train.
        covers: as for `evaluation.statistics.fold_error`.
        rope: differences that do not matter; NaN: nobody said, and the answer is NaN.
        step: as for `evaluation.statistics.fold_error`.

    Raises:
        ValueError: fewer than two folds.
    """
    if np.isnan(rope):
        return UNKNOWN
    error = fold_error(differences, test_to_train, covers, step)
    posterior = stats.t(df=len(differences) - 1, loc=np.mean(differences), scale=error)
    return practical_of(float(posterior.sf(rope)), float(posterior.cdf(-rope)))


def practical_of(first: float, second: float) -> Practical:
    """From the probabilities that the first and the second model is better; NaN where nobody said by what."""
    return Practical(np.nan if np.isnan(first) else max(1 - first - second, 0.0), first, second)


def practical_from_draws(draws: np.ndarray, rope: float = ROPE) -> Practical:
    """The same from (draws,) values that stand for what the difference may be."""
    if np.isnan(rope):
        return UNKNOWN
    first, second = float((draws > rope).mean()), float((draws < -rope).mean())
    return Practical(max(1 - first - second, 0.0), first, second)
