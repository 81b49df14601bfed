"""A power law through a learning curve, and what it says of twice the data."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import OptimizeWarning, curve_fit

from coverfusion.experiments.evaluation.statistics import CONFIDENCE_LEVEL, corrected_t_test

FOLD_RESAMPLES = 500
MAX_EXPONENT = 3.0  # the largest exponent that is tried
MIN_SIZES, MIN_SIZE_RATIO = 4, 4.0  # sizes, and factor between smallest and largest, that a curve needs
MIN_DOUBLING = 2.0  # factor between smallest and largest from which on a doubling was seen
MIN_GAIN = 0.0005  # a gain in accuracy that rounds to 0.0 points


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = a + b * n ** -c.

    Learning curves of statistical classifiers go so: C. Cortes, L. D. Jackel, S. A. Solla, V. Vapnik and
    J. S. Denker, Learning Curves: Asymptotic Values and Rate of Convergence, NIPS 6, 1993; of deep networks
    J. Hestness et al., Deep Learning Scaling is Predictable, Empirically, arXiv 1712.00409, 2017.

    Attributes:
        a: the error that no amount of data would take away, 0 to 1.
        b: what one cover would leave above that, not negative.
        c: how fast more covers help, 0 (not at all) to 3.
    """

    a: float
    b: float
    c: float

    def error(self, n: np.ndarray | float) -> np.ndarray | float:
        """The proportion of mistakes that n training covers leave."""
        return self.a + self.b * np.asarray(n, dtype=np.float64) ** -self.c


@dataclass(frozen=True)
class Doubling:
    """What a curve says of twice the data.

    Attributes:
        law: fitted to the mean over the folds.
        gain: predicted gain in accuracy from the largest size to twice that, with its interval.
        missed: accuracy at the largest size less what the law, fitted to the smaller sizes alone, predicts;
            NaN of fewer than `MIN_SIZES` smaller sizes.
        c_low, c_high: interval of the exponent.
        per_doubling: rise of accuracy with each doubling so far, on average, with its interval; NaN where the
            sizes hold no doubling.
        last: rise from the last size but one to the last, with its interval.
        verdict: "short", "flat", "unsure" or "rising"; see `verdict_of`.
    """

    law: PowerLaw
    gain: float
    gain_low: float
    gain_high: float
    missed: float
    c_low: float
    c_high: float
    per_doubling: tuple[float, float, float]
    last: tuple[float, float, float]
    verdict: str


def fit_power_law(n: np.ndarray, error: np.ndarray) -> PowerLaw:
    """Least squares by scipy's `curve_fit` within bounds.

    Args:
        n: (m,) numbers of training covers.
        error: (m,) proportions of mistakes, or losses.

    Returns:
        The law; all NaN where no fit was found.
    """
    n, error = np.asarray(n, dtype=np.float64), np.asarray(error, dtype=np.float64)
    # in units of the largest size, so that the three numbers are of one magnitude
    largest = float(n.max())
    most = 1.0 if error.max() <= 1 else np.inf  # a loss may be more
    half = min(max(float(error.min()), 1e-6), 1.0) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)  # of the covariance, which is not used
        try:
            solution, _ = curve_fit(
                _curve,
                n / largest,
                error,
                p0=(half, half, 0.5),
                bounds=([0, 0, 0], [most, most, MAX_EXPONENT]),
                jac=_slopes,
                method="dogbox",
                max_nfev=5000,
            )
        except RuntimeError:
            return PowerLaw(np.nan, np.nan, np.nan)
    a, d, c = map(float, solution)
    return PowerLaw(a, d * largest**c, c)


def _curve(size: np.ndarray, a: float, d: float, c: float) -> np.ndarray:
    return a + d * size**-c


def _slopes(size: np.ndarray, a: float, d: float, c: float) -> np.ndarray:
    power = size**-c
    return np.column_stack([np.ones_like(size), power, -d * power * np.log(size)])


def doubling(
    n: np.ndarray,
    accuracy: np.ndarray,
    test_share: float,
    covers: float,
    seed: int = 0,
    step: float = 0.0,
    most: float = 1.0,
) -> Doubling:
    """Fits the law to the folds' mean and to bootstrap draws of the folds.

    Each draw takes whole folds with replacement, all sizes of a fold together. With few folds the plain
    percentile interval is too narrow; it is expanded as T. C. Hesterberg, What Teachers Should Know About
    the Bootstrap, The American Statistician 69, 2015, section 4.3 tells.

    Args:
        n: (m,) sizes, rising.
        accuracy: (J, m) of each fold (over all repeats) at each size; of a loss, 1 less the loss.
        test_share: n_test / n_train of the cross-validation.
        covers: that a fold tests, on average.
        seed: of the draws.
        step: what one cover changes in a fold's score, as for `fold_error`.
        most: no difference is larger, as for `corrected_t_test`.
    """
    folds = len(accuracy)
    law = fit_power_law(n, 1 - accuracy.mean(axis=0))
    counts = np.random.default_rng(seed).multinomial(folds, np.full(folds, 1 / folds), size=FOLD_RESAMPLES)
    different, where = np.unique(counts, axis=0, return_inverse=True)
    laws = [fit_power_law(n, 1 - draw @ accuracy / folds) for draw in different]
    largest = float(n[-1])
    gains = np.array([_gain(drawn, largest) for drawn in laws])[where]
    exponents = np.array([drawn.c for drawn in laws])[where]
    tails = _expanded_tails(folds)
    gain, missed = _gain(law, largest), _missed(n, accuracy)
    gain_low, gain_high = _widened(gain, gains, tails, folds * test_share, missed)
    c_low, c_high = np.nanquantile(exponents, tails)
    # the slope over all sizes says more than the two ends alone
    slopes = np.polyfit(np.log2(n), accuracy.T, 1)[0]
    rise = corrected_t_test(slopes, test_share, covers, most=most)
    last = corrected_t_test(accuracy[:, -1] - accuracy[:, -2], test_share, covers, step, most)
    return Doubling(
        law=law,
        gain=gain,
        gain_low=gain_low,
        gain_high=gain_high,
        missed=missed,
        c_low=float(c_low),
        c_high=float(c_high),
        per_doubling=(
            (rise.difference, rise.low, rise.high) if n[-1] >= MIN_DOUBLING * n[0] else (math.nan,) * 3
        ),
        last=(last.difference, last.low, last.high),
        verdict=verdict_of(n, rise.low, gain_low),
    )


def verdict_of(n: np.ndarray, rise_low: float, gain_low: float) -> str:
    """How far a curve may be believed.

    Returns:
        "short": too few sizes, or too near each other, for three numbers; "flat": accuracy does not
        surely rise with the size; "unsure": the predicted gain may be nothing; else "rising".
    """
    if len(n) < MIN_SIZES or n[-1] / n[0] < MIN_SIZE_RATIO:
        return "short"
    if rise_low <= 0:
        return "flat"
    return "rising" if gain_low >= MIN_GAIN else "unsure"


def _gain(law: PowerLaw, n: float) -> float:
    return float(law.error(n) - law.error(2 * n))


def _widened(
    gain: float, gains: np.ndarray, tails: list[float], shared: float, missed: float
) -> tuple[float, float]:
    """The interval of the gain: widened for training covers that folds share, and by what the law missed.

    Args:
        gain: of the folds' mean.
        gains: of the draws of folds.
        tails: their quantiles.
        shared: J n_test / n_train.
        missed: how far the law failed to predict the largest size.
    """
    reach = np.abs(np.nanquantile(gains, tails) - gain) * math.sqrt(1 + shared)
    error = 0.0 if np.isnan(missed) else abs(missed)
    low, high = gain - np.hypot(reach[0], error), gain + np.hypot(reach[1], error)
    return float(low), float(high)


def _missed(n: np.ndarray, accuracy: np.ndarray) -> float:
    """Accuracy at the largest size less what the law of the smaller sizes predicts."""
    if len(n) <= MIN_SIZES:
        return float("nan")
    mean = accuracy.mean(axis=0)
    return float(mean[-1] - (1 - fit_power_law(n[:-1], 1 - mean[:-1]).error(float(n[-1]))))


def _expanded_tails(folds: int) -> list[float]:
    wide = np.sqrt(folds / (folds - 1)) * stats.t(df=folds - 1).ppf((1 + CONFIDENCE_LEVEL) / 2)
    tail = float(stats.norm.sf(wide))
    return [tail, 1 - tail]
