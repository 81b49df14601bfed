"""Is the power that a plan prints the power that a study has? On simulated covers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from coverfusion.experiments.bench.simulated_covers import (
    FOLDS,
    LEVEL,
    SHARE,
    Found,
    fold_means,
    judged_in_repeats,
)
from coverfusion.experiments.evaluation.power import KEPT, Design, detectable, power, spread_between
from coverfusion.experiments.evaluation.statistics import corrected_t_test, group_weights

# groups, covers in each, and the signal of the weaker of two views, so that half to most studies find it
PLANNED = ((200, 1, 0.2), (600, 1, 0.5), (120, 5, 0.2), (60, 5, 0.1))


def planned(groups: int, size: int, weaker: float, repeats: int, true: float) -> Callable[..., Found]:
    """A study, and what a plan says of its power from a pilot as large.

    Args:
        groups: how many.
        size: covers in each.
        weaker: the signal of the weaker view, as a part of the stronger one's.
        repeats: of the folds.
        true: the difference, from `planned_truth`.
    """
    design = Design(groups * size, FOLDS, repeats)

    def simulate(rng: np.random.Generator) -> Found:
        right, _, group = judged_in_repeats(rng, groups, size, weaker, repeats)
        weights = group_weights(group, int(rng.integers(2**31)), 200)
        resampled = np.moveaxis(right, 2, 0) @ weights.T / weights.sum(axis=1)
        spread = spread_between(resampled[0], resampled[1], len(group), groups, KEPT)
        said = power(spread, design, true)
        less, fold, _ = _less(rng, groups, size, weaker, repeats)
        by_fold = np.concatenate([fold_means(fold[repeat], less[repeat]) for repeat in range(repeats)])
        found = corrected_t_test(by_fold, SHARE, design.covers / FOLDS).p < LEVEL
        return {
            "power, had": found,
            "power, printed": said,
            "power, printed less had": said - found,
            "points that 80 % would find": 100 * detectable(spread, design),
        }

    return simulate


def planned_truth(groups: int, size: int, weaker: float, repeats: int, samples: int, seed: int = 6) -> float:
    """The difference of the two models of `planned`, on average over collections."""
    rng = np.random.default_rng([seed, groups, size, repeats])
    return float(np.mean([_less(rng, groups, size, weaker, repeats)[0].mean() for _ in range(samples)]))


def _less(
    rng: np.random.Generator, groups: int, size: int, weaker: float, repeats: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    right, fold, group = judged_in_repeats(rng, groups, size, weaker, repeats)
    return right[..., 0] * 1.0 - right[..., 1], fold, group
