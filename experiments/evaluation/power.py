"""Which difference would repeated cross-validation show? The power of the corrected t-test before any fit.

A difference of two models varies with the covers that are tested, with what is learnt in each repeat, and
with the luck of the covers that all folds learn from. The corrected t-test knows the folds alone. So its
power is not that of a plain t-test: it is worked out here from how the folds' mean and their deviation vary
(tested against simulated collections in `coverfusion bench statistics`).

With few groups it is too small by a few points. In simulated studies of 60 groups the folds' variance was 0.9
of what is planned here, as a fold that has more of something leaves less of it to learn from. The mean varied
1.6 times as much as the tested covers leave, not 1.25 times, as little is learnt from so few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from coverfusion.experiments.evaluation.statistics import TEST_POWER

LEVEL = 0.05
KEPT = 0.75  # of what covers vary by; 0.5 to 0.9 in simulated and real studies
LUCK = 1.25  # variance of a mean, by that which the tested covers leave; 1.0 to 1.5 from 200 groups on
FEW_GROUPS = 150  # with fewer, power is larger than it is said to be
_QUANTILES = (np.arange(2000) + 0.5) / 2000


@dataclass(frozen=True)
class Spread:
    """What the difference of two models varies by.

    Attributes:
        per_cover: the variance of the difference on n covers in one repeat, times n. Covers of a group count
            as they are, together. Of accuracy and single covers it is nearly the proportion of covers that
            only one of the two models gets right.
        kept: the proportion of it that is the same in another repeat: how alike a cover's two results are.
    """

    per_cover: float
    kept: float = KEPT


@dataclass(frozen=True)
class Design:
    """What a study will do: so many covers, tested in so many folds, so many times."""

    covers: float
    folds: int
    repeats: int = 1


def power(spread: Spread, design: Design, difference: float, level: float = LEVEL) -> float:
    """How probable it is that the corrected t-test finds a true difference, on either side of 0."""
    shift = abs(difference) / _deviation(spread, design)
    return _found(shift, spread, design, level)


def detectable(spread: Spread, design: Design, level: float = LEVEL, wanted: float = TEST_POWER) -> float:
    """The smallest true difference that is found with the probability `wanted`."""
    most = 1.0
    while _found(most, spread, design, level) < wanted:
        most *= 2
    shift = brentq(lambda at: _found(at, spread, design, level) - wanted, 0.0, most)
    return float(shift) * _deviation(spread, design)


def covers_needed(
    spread: Spread, design: Design, difference: float, level: float = LEVEL, wanted: float = TEST_POWER
) -> int:
    """How many covers the same folds and repeats need to find a true difference with that probability.

    Args:
        spread: of the two models, taken to be the same with more covers.
        design: its covers do not count.
        difference: larger than 0.
        level: of the two-sided test.
        wanted: the probability.
    """
    # all variances go with 1 / covers
    return math.ceil(design.covers * (detectable(spread, design, level, wanted) / difference) ** 2)


def spread_of_proportion(discordant: float, group_size: float = 1.0, alike: float = 0.5) -> Spread:
    """Of two models of which only one is right on a given proportion of covers.

    Args:
        discordant: that proportion, 0 to 1.
        group_size: covers in the group of a cover, on average over covers.
        alike: the correlation of differences within a group.
    """
    return Spread(discordant * (1 + (group_size - 1) * alike))


def spread_of_folds(deviation: float, design: Design) -> Spread:
    """Of folds of `design` whose differences have this standard deviation."""
    one = _fold_variance(Spread(1.0), design)
    return Spread(deviation**2 / one)


def spread_between(first: np.ndarray, second: np.ndarray, covers: int, groups: int, kept: float) -> Spread:
    """Of two models on the same covers, from values of a metric that were resampled.

    Args:
        first: (repeats, draws) the metric of each bootstrap sample of groups; more is better.
        second: likewise, the same samples.
        covers: tested in each repeat.
        groups: that were resampled.
        kept: as `Spread` has it, where there is one repeat only.
    """
    less, repeats = first - second, len(first)
    one = float(less.var(axis=1, ddof=1).mean()) * groups / max(groups - 1, 1)
    # models that never differed may differ on one cover of so many (P. S. Laplace)
    one = max(one, 1 / (covers + 2) / covers)
    if repeats > 1:
        all_repeats = float(less.mean(axis=0).var(ddof=1)) * groups / max(groups - 1, 1)
        kept = min(max((repeats * all_repeats / one - 1) / (repeats - 1), 0.0), 1.0)
    return Spread(covers * one, kept)


def _found(shift: float, spread: Spread, design: Design, level: float) -> float:
    """Power where the true difference is so many standard deviations of the mean."""
    count, repeats = design.folds * design.repeats, design.repeats
    error = _fold_variance(spread, design) * (1 / count + 1 / (design.folds - 1))
    cut = stats.t(df=count - 1).ppf(1 - level / 2) * math.sqrt(error) / _deviation(spread, design)
    # contrasts within a repeat vary fully, those between repeats by what repeats do not share (Satterthwaite)
    within, between = repeats * (design.folds - 1), repeats - 1
    left = 1 - spread.kept
    freedom = (within + between * left) ** 2 / (within + between * left**2)
    cuts = cut * _deviations_seen(freedom)
    return float((stats.norm.sf(cuts - shift) + stats.norm.cdf(-cuts - shift)).mean())


@cache
def _deviations_seen(freedom: float) -> np.ndarray:
    """(2000,) the folds' standard deviation in as many alike studies, as parts of the expected one."""
    return np.sqrt(stats.chi2(df=freedom).ppf(_QUANTILES) / freedom)


def _deviation(spread: Spread, design: Design) -> float:
    """Standard deviation of the mean difference over studies of other covers."""
    repeated = spread.kept + (1 - spread.kept) / design.repeats
    return math.sqrt(LUCK * spread.per_cover / design.covers * repeated)


def _fold_variance(spread: Spread, design: Design) -> float:
    """The variance over all folds and repeats that a study is expected to see."""
    fold = design.folds * spread.per_cover / design.covers
    within, between = design.repeats * (design.folds - 1), design.repeats - 1
    return fold * (within + between * (1 - spread.kept)) / (within + between)
