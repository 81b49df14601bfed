"""Is one of two fitted models better on the same covers? Of whole groups, not of covers.

Covers of one group (an artist, near duplicates) are right or wrong together. A test that takes them for
independent, such as McNemar's, finds differences where there are none: in simulated samples without a
difference it did in 16 % of cases with groups of 5 covers and in 24 % with groups of 10; sign-flips did in 2
and 1 % (`coverfusion bench statistics`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.evaluation.rope import Practical, practical_from_draws, practical_of
from coverfusion.experiments.evaluation.statistics import (
    AGREEMENT_TOLERANCE,
    CONFIDENCE_LEVEL,
    few_groups,
    wilson,
)

FLIPS = 10_000
FLIPS_AT_ONCE = 500  # so that memory stays small


@dataclass(frozen=True)
class GroupTest:
    """What a test over groups, or over folds, says of one difference.

    Attributes:
        difference: of all covers, or the folds' mean.
        low, high: its 95 % interval: the differences that the test does not reject.
        p: two-sided.
        practical: how probable it is that the difference does not matter.
    """

    difference: float
    low: float
    high: float
    p: float
    practical: Practical


def group_tests(
    differences: np.ndarray,
    groups: np.ndarray,
    seed: int,
    wider: float = 1.0,
    rope: float = ROPE,
    hits: bool = True,
) -> list[GroupTest]:
    """Tests, for each pair of models, that they are equally good on average: equally often right, say.

    Where two models are equally good, a group's sum of differences may as well have the other sign. p is how
    often random signs give a sum as far from 0 (R. A. Fisher 1935; T. Hothorn et al. 2006 for blocks). The
    interval holds the differences that the same signs would not reject, which are quantiles of means over
    random halves of the groups: J. A. Hartigan, Using Subsample Values as Typical Values, JASA 64, 1969. With
    one cover a group p is nearly that of McNemar's exact test.

    One group in favour of each model is added, of 0.7 of the mean size (as A. Agresti and Y. Min, Statistics
    in Medicine 24, 2005, add half a cover): without it, intervals of models that differ on three of 40 covers
    held the truth in 87 % of simulated samples, with it in 99 %. Where losses are compared, that group
    differs by as much as covers do (their root mean square).

    Args:
        differences: (n, m) whether the first of a pair was right on a cover less whether the second was, or
            how much smaller its loss was.
        groups: (n,) labels.
        seed: of the signs.
        wider: from `evaluation.statistics.widening`, where the differences are of pooled folds.
        rope: differences that do not matter; NaN: nobody said.
        hits: whether the differences are of right answers; else of losses.

    Returns:
        One test a pair.
    """
    codes, names = np.unique(groups, return_inverse=True)[::-1]
    pairs, count = differences.shape[1], len(names)
    sums, sizes = np.zeros((count + 2, pairs)), np.zeros(count + 2)
    np.add.at(sums, codes, differences)
    np.add.at(sizes, codes, 1.0)
    added = sizes[:count].mean()
    unit = np.ones(pairs) if hits else np.sqrt((differences**2).mean(axis=0))
    sizes[count:], sums[count:] = added, np.array([[1.0], [-1.0]]) * unit * added / math.sqrt(2)
    halves = _means_of_halves(sums, sizes, seed)
    middle = sums.sum(axis=0) / sizes.sum()
    halves = middle + wider * (halves - middle)
    tests = []
    for pair in range(pairs):
        own = halves[:, :, pair]
        difference = float(differences[:, pair].mean())
        # random signs give a sum as large exactly where the two halves lie on different sides of 0
        p = (1 + int((own[0] * own[1] <= AGREEMENT_TOLERANCE**2).sum())) / (1 + FLIPS)
        tails = [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2]
        low, high = map(float, np.quantile(own, tails))
        if hits:  # no difference is larger
            low, high = max(low, -1.0), min(high, 1.0)
        if hits and not np.any(differences[:, pair]):  # no doubt is left to the signs: as 0 out of the groups
            p, high = 1.0, wilson(0.0, count / wider**2)[1]
            low = -high
        practical = practical_from_draws(own.ravel(), rope)
        tests.append(GroupTest(difference, min(low, difference), max(high, difference), p, practical))
    return tests


def bootstrap_test(
    difference: float,
    resampled: np.ndarray,
    groups: float,
    wider: float = 1.0,
    rope: float = ROPE,
) -> GroupTest:
    """Tests a difference of scores that are no means over covers, such as macro F1, by the group bootstrap.

    Signs cannot be flipped cover by cover there. p is twice the share of resamples on the other side of no
    difference (B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, 1993, ch. 15). As few groups
    do not show their variance well, the deviations are those of Student's t. Such scores are proportions: no
    interval goes beyond 1.

    Args:
        difference: of all covers.
        resampled: (resamples,) of the same difference; at least one that is not NaN.
        groups: how many the scores rest on (`Metric.groups`).
        wider: from `evaluation.statistics.widening`.
        rope: differences that do not matter; NaN: nobody said.
    """
    known, tail = resampled[~np.isnan(resampled)], (1 + CONFIDENCE_LEVEL) / 2
    if groups < 2 or np.ptp(known) < AGREEMENT_TOLERANCE:  # no doubt is left: as 0 out of the groups
        reach = wilson(0.0, groups / wider**2)[1]
        doubt = stats.norm(difference, reach / stats.norm.ppf(tail))
        practical = practical_of(float(doubt.sf(rope)), float(doubt.cdf(-rope)))
        low, high = max(difference - reach, -1.0), min(difference + reach, 1.0)
        return GroupTest(difference, low, high, 1.0, practical)
    draws = difference + wider * few_groups(groups) * (known - known.mean())
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    p = min(1.0, 2 * (1 + beyond) / (1 + len(draws)))
    low, high = map(float, np.clip(np.quantile(draws, [1 - tail, tail]), -1, 1))
    return GroupTest(difference, low, high, p, practical_from_draws(draws, rope))


def _means_of_halves(sums: np.ndarray, sizes: np.ndarray, seed: int) -> np.ndarray:
    """(2, FLIPS, m): means over random halves of the groups, and over the groups left out of each."""
    rng = np.random.default_rng(seed)
    total, size = sums.sum(axis=0), sizes.sum()
    halves = np.empty((2, FLIPS, sums.shape[1]))
    for start in range(0, FLIPS, FLIPS_AT_ONCE):
        stop = min(start + FLIPS_AT_ONCE, FLIPS)
        drawn = rng.integers(0, 2, size=(stop - start, len(sizes))).astype(np.float64)
        inside, weight = drawn @ sums, (drawn @ sizes)[:, None]
        halves[0, start:stop] = inside / np.maximum(weight, 1)
        halves[1, start:stop] = (total - inside) / np.maximum(size - weight, 1)
    return halves
