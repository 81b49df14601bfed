"""Tests of differences: hand-computed values, and the level they promise under the null."""

import numpy as np
import pytest
from scipy import stats

from experiments.statistics import corrected_t_test, group_weights, holm, interval, mcnemar_test


def test_corrected_t_by_hand() -> None:
    # mean 0.2, s 0.1: variance (1/3 + 1/2) * 0.01; with 2 degrees of freedom p = 1 - t / sqrt(t^2 + 2)
    found = corrected_t_test(np.array([0.1, 0.2, 0.3]), test_share=1 / 2)
    error = np.sqrt((1 / 3 + 1 / 2) * 0.01)
    t = 0.2 / error
    assert found.difference == pytest.approx(0.2)
    assert found.p == pytest.approx(1 - t / np.sqrt(t**2 + 2))
    assert found.high - 0.2 == pytest.approx(4.302653 * error, rel=1e-6)
    assert 0.2 - found.low == pytest.approx(found.high - 0.2)
    assert found.detectable == pytest.approx((4.302653 + 1.060660) * error, rel=1e-5)


def test_equal_folds_leave_no_doubt() -> None:
    assert corrected_t_test(np.full(5, 0.1), 0.25).p == 0
    assert corrected_t_test(np.zeros(5), 0.25).p == 1
    with pytest.raises(ValueError, match="two or more"):
        corrected_t_test(np.array([0.1]), 0.25)


def test_under_the_null_the_corrected_test_keeps_its_level_and_the_plain_one_does_not() -> None:
    rng = np.random.default_rng(0)
    corrected, plain = [], []
    for _ in range(600):
        differences = _null_differences(rng)
        corrected.append(corrected_t_test(differences, 1 / 4).p < 0.05)
        plain.append(stats.ttest_1samp(differences, 0).pvalue < 0.05)
    assert np.mean(corrected) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 600)
    assert np.mean(plain) > 0.15


def _null_differences(rng: np.random.Generator, n: int = 200, repeats: int = 2, k: int = 5) -> np.ndarray:
    """Accuracy of one nearest-centroid model less that of another, fold by fold; neither knows anything."""
    y = rng.integers(0, 2, n)
    views = [rng.normal(size=(n, 5)) for _ in range(2)]
    differences = []
    for _ in range(repeats):
        fold = rng.permutation(n) % k
        for number in range(k):
            train, test = fold != number, fold == number
            scores = []
            for X in views:
                centres = [X[train & (y == c)].mean(axis=0) for c in (0, 1)]
                distance = [((X[test] - centre) ** 2).sum(axis=1) for centre in centres]
                scores.append(np.mean((distance[1] < distance[0]) == y[test]))
            differences.append(scores[0] - scores[1])
    return np.array(differences)


def test_mcnemar_by_hand() -> None:
    first = np.array([True] * 10 + [True] + [False] * 6)
    second = np.array([True] * 10 + [False] + [True] * 6)
    # binomial: 2 * (1 + 7) / 2^7
    assert mcnemar_test(first, second) == (1, 6, pytest.approx(16 / 128))


def test_groups_are_drawn_as_a_whole() -> None:
    groups = np.array(["a", "b", "a", "c", "b"])
    weights = group_weights(groups, seed=1, resamples=50)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    np.testing.assert_array_equal(weights, group_weights(groups, seed=1, resamples=50))


def test_interval_of_the_middle_95_percent() -> None:
    assert interval(np.arange(1001.0)) == (pytest.approx(25), pytest.approx(975))


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    assert len(holm(np.array([]))) == 0
