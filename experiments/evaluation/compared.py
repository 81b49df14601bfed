"""Is one of two models better by a chosen metric? The test that fits the metric and what was held out."""

from __future__ import annotations

import numpy as np

from coverfusion.experiments.evaluation.chosen_metric import Metric
from coverfusion.experiments.evaluation.group_tests import GroupTest, bootstrap_test, group_tests
from coverfusion.experiments.evaluation.rope import correlated_t_rope
from coverfusion.experiments.evaluation.statistics import corrected_t_test, group_weights

METHODS = {
    "folds": "corrected t over folds",
    "groups": "sign-flips over groups",
    "bootstrap": "bootstrap of groups",
}


def compared_by_groups(
    metric: Metric,
    sums: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
    seed: int,
    wider: float = 1.0,
    rope: float | None = None,
) -> tuple[GroupTest, str]:
    """Compares two fitted models on the same covers.

    Args:
        metric: what is compared; more than 0 says that the first is better.
        sums: (n, s) of each model, what each cover adds to the metric's sums.
        groups: (n,) labels.
        seed: of the sign-flips, or of the bootstrap.
        wider: from `evaluation.statistics.widening`, where the predictions are of pooled folds.
        rope: a difference that does not matter, in the metric's unit; None: a point, of losses none.

    Returns:
        The test and its name out of `METHODS`: sign-flips where the metric is a mean over covers, else the
        bootstrap.
    """
    region = metric.rope(rope)
    if metric.is_mean:
        difference = metric.per_cover(sums[0]) - metric.per_cover(sums[1])
        return group_tests(difference[:, None], groups, seed, wider, region, hits=metric.percent)[0], "groups"
    # the first row, of weight 1 for every cover, gives the exact values
    weights = np.vstack([np.ones(len(groups)), group_weights(groups, seed)])
    less = metric.better(metric.value(weights @ sums[0]) - metric.value(weights @ sums[1]))
    count = metric.groups(sums[0], groups)
    return bootstrap_test(float(less[0]), less[1:], count, wider, region), "bootstrap"


def compared_by_folds(
    metric: Metric,
    values: tuple[np.ndarray, np.ndarray],
    test_to_train: float,
    covers: float,
    rope: float | None = None,
) -> GroupTest:
    """Compares two classifiers over the folds of (repeated) cross-validation: the corrected t-test.

    Args:
        metric: what is compared; more than 0 says that the first is better.
        values: (J,) of each classifier, the metric of each fold.
        test_to_train: n_test / n_train.
        covers: that a fold tests, on average.
        rope: as for `compared_by_groups`.
    """
    by_fold = metric.better(values[0] - values[1])
    step = metric.step(covers)
    test = corrected_t_test(by_fold, test_to_train, covers, step, metric.most)
    practical = correlated_t_rope(by_fold, test_to_train, covers, metric.rope(rope), step)
    return GroupTest(test.difference, test.low, test.high, test.p, practical)
