"""Is one model better than another on the same covers? Tests and intervals for paired results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

LEVEL = 0.95
POWER = 0.8
RESAMPLES = 2000


@dataclass(frozen=True)
class FoldTest:
    """The corrected resampled t-test of one difference.

    Attributes:
        difference: mean over the folds.
        low, high: its confidence interval.
        p: two-sided.
        detectable: the smallest true difference that these folds would show with a probability of 80 %.
    """

    difference: float
    low: float
    high: float
    p: float
    detectable: float


def corrected_t_test(differences: np.ndarray, test_share: float) -> FoldTest:
    """Paired t-test over the folds of (repeated) cross-validation, corrected for shared training covers.

    The folds' training sets overlap, so the plain variance of the mean is too small; it becomes
    (1 / J + n_test / n_train) * s^2 with J - 1 degrees of freedom: C. Nadeau and Y. Bengio, Inference for
    the Generalization Error, Machine Learning 52, 2003; for repeated cross-validation R. R. Bouckaert and
    E. Frank, Evaluating the Replicability of Significance Tests for Comparing Learning Algorithms, PAKDD
    2004.

    Args:
        differences: (J,) one difference of scores a fold, over all repeats.
        test_share: n_test / n_train, 1 / (folds - 1) in cross-validation.

    Raises:
        ValueError: fewer than two folds.
    """
    count = len(differences)
    if count < 2:
        raise ValueError(f"a t-test over folds needs two or more; got {count}")
    mean = float(np.mean(differences))
    error = float(np.std(differences, ddof=1) * np.sqrt(1 / count + test_share))
    distribution = stats.t(df=count - 1)
    if error == 0:
        return FoldTest(mean, mean, mean, 1.0 if mean == 0 else 0.0, 0.0)
    half = float(distribution.ppf((1 + LEVEL) / 2)) * error
    detectable = float(distribution.ppf((1 + LEVEL) / 2) + distribution.ppf(POWER)) * error
    p = float(2 * distribution.sf(abs(mean) / error))
    return FoldTest(mean, mean - half, mean + half, p, detectable)


def mcnemar_test(first: np.ndarray, second: np.ndarray) -> tuple[int, int, float]:
    """McNemar's test on the covers that only one of two models got right (statsmodels).

    Args:
        first: (n,) bool, whether the first model was right.
        second: (n,) bool, likewise, the same covers.

    Returns:
        Covers that only the first got right, only the second, and the two-sided p: exact (binomial) below
        25 such covers, else chi-squared with continuity correction (A. L. Edwards 1948).
    """
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    table = [[int((first & second).sum()), only_first], [only_second, int((~first & ~second).sum())]]
    return only_first, only_second, float(mcnemar(table, exact=only_first + only_second < 25).pvalue)


def group_weights(groups: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """(resamples, n) float64: how often each cover is drawn when whole groups are drawn with replacement.

    The bootstrap of clustered data: A. C. Davison and D. V. Hinkley, Bootstrap Methods and their
    Application, 1997, section 3.8.
    """
    codes, names = np.unique(groups, return_inverse=True)[::-1]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return drawn[:, codes].astype(np.float64)


def interval(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of (resamples, ...) bootstrap values: B. Efron 1979."""
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def paired_bootstrap(differences: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Interval of a mean difference between two models.

    Args:
        differences: (n,) each cover's difference in score, such as right (1) minus right (1).
        weights: (resamples, n) from `group_weights`.
    """
    low, high = interval(weights @ differences / weights.sum(axis=1))
    return float(low), float(high)


def holm(p_values: np.ndarray) -> np.ndarray:
    """p-values corrected for making all these tests (S. Holm 1979, by statsmodels)."""
    return multipletests(p_values, method="holm")[1] if len(p_values) else np.array([])
