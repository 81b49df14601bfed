"""Tests and intervals: hand-computed values, and the level that they guarantee on simulated collections."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.shapley import shapley_values, subsets
from coverfusion.experiments.evaluation.statistics import (
    corrected_t_test,
    effective_groups,
    group_weights,
    holm,
    interval,
    mcnemar_test,
    one_group,
    score_interval,
    widening,
    wilson,
)


def test_corrected_t_by_hand() -> None:
    # mean 0.2, s 0.1: variance (1/3 + 1/2) * 0.01; with 2 degrees of freedom p = 1 - t / sqrt(t^2 + 2)
    found = corrected_t_test(np.array([0.1, 0.2, 0.3]), test_to_train=1 / 2, covers=40)
    error = np.sqrt((1 / 3 + 1 / 2) * 0.01)
    t = 0.2 / error
    assert found.difference == pytest.approx(0.2)
    assert found.p == pytest.approx(1 - t / np.sqrt(t**2 + 2))
    assert found.high - 0.2 == pytest.approx(4.302653 * error, rel=1e-6)
    assert 0.2 - found.low == pytest.approx(found.high - 0.2)
    assert found.detectable == pytest.approx((4.302653 + 1.060660) * error, rel=1e-5)


def test_no_interval_of_proportions_goes_beyond_what_can_be() -> None:
    # three folds of 12 covers: t of two degrees of freedom reaches beyond what a difference can be
    wide = corrected_t_test(np.array([-0.4, 0.0, 0.5]), 1 / 2, 12, 1 / 12, most=1.0)
    assert (wide.low, wide.high) == (-1.0, 1.0)
    assert wide.detectable > 1
    assert METRICS["accuracy"].size_words(wide.detectable) == ">\u00a0100"
    assert METRICS["log_loss"].size_words(wide.detectable) == f"{wide.detectable:.3f}"


def test_equal_folds_leave_some_doubt() -> None:
    # as if 21 of 202 covers made the difference (20 of 200, and one hit and one miss more), in folds of 40
    found = corrected_t_test(np.full(5, 0.1), 0.25, covers=40)
    error = np.sqrt(21 / 202 * 181 / 202 / 40) * np.sqrt(1 / 5 + 0.25)
    assert found.high - 0.1 == pytest.approx(2.776445 * error, rel=1e-5)
    assert 0.01 < found.p < 0.05
    same = corrected_t_test(np.zeros(5), 0.25, covers=40)
    assert same.p == 1
    assert same.low < -0.01
    assert same.high == -same.low
    with pytest.raises(ValueError, match="two or more"):
        corrected_t_test(np.array([0.1]), 0.25, covers=40)


def test_folds_that_are_less_than_a_cover_apart_agree() -> None:
    # two covers more in each of three folds, one of which has a cover more
    differences = np.array([2 / 83, 2 / 83, 2 / 84])
    assert corrected_t_test(differences, 1 / 2, 250 / 3).p < 0.001
    found = corrected_t_test(differences, 1 / 2, 250 / 3, step=3 / 250)
    # as if seven of 252 covers made the difference
    error = np.sqrt(7 / 252 * 245 / 252 / (250 / 3)) * np.sqrt(1 / 3 + 1 / 2)
    assert found.high - found.difference == pytest.approx(4.302653 * error, rel=1e-2)
    assert found.p > 0.2
    apart = np.array([1 / 83, 2 / 83, 3 / 84])
    assert corrected_t_test(apart, 1 / 2, 83, step=1 / 83) == corrected_t_test(apart, 1 / 2, 83)


@pytest.mark.parametrize("folds", [3, 10])
def test_equal_models_are_rarely_told_apart_by_folds_that_happen_to_agree(folds: int) -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([len(part) for part in np.array_split(np.arange(100), folds)])
    sure = 0
    for _ in range(2000):
        # one cover in twenty is right by one of the models alone
        only_one = rng.binomial(sizes, 0.05)
        differences = (2 * rng.binomial(only_one, 0.5) - only_one) / sizes
        sure += corrected_t_test(differences, 1 / (folds - 1), 100 / folds, folds / 100).p < 0.001
    assert sure <= 6  # 2 expected at most


def test_under_the_null_the_corrected_test_keeps_its_level_and_the_plain_one_does_not() -> None:
    rng = np.random.default_rng(0)
    corrected, plain = [], []
    for _ in range(600):
        differences = _null_differences(rng)
        corrected.append(corrected_t_test(differences, 1 / 4, 40).p < 0.05)
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
    # the binomial tails of 1 out of 7: twice (1 + 7) cases of 2^7
    assert mcnemar_test(first, second) == (1, 6, pytest.approx(16 / 128))
    as_many = np.array([True] * 30 + [False] * 30)
    assert mcnemar_test(as_many, ~as_many) == (30, 30, 1.0)


def test_groups_are_drawn_as_a_whole() -> None:
    groups = np.array(["a", "b", "a", "c", "b"])
    weights = group_weights(groups, seed=1, resamples=50)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    np.testing.assert_array_equal(weights, group_weights(groups, seed=1, resamples=50))


def test_interval_of_the_middle_95_percent() -> None:
    assert interval(np.arange(1001.0)) == (pytest.approx(25), pytest.approx(975))
    assert interval(np.arange(1001.0), wider=1.04) == (pytest.approx(6), pytest.approx(994))


def test_widening_by_hand() -> None:
    assert widening(None) == 1
    assert widening(5) == pytest.approx(1.5)  # sqrt(1 + 5 / 4)
    assert widening(2) == pytest.approx(np.sqrt(3))


def test_a_score_stays_a_score() -> None:
    resampled = np.linspace(0.9, 1.0, 101)
    low, high = score_interval(0.97, resampled, groups=30, wider=3)
    assert 0 < low < 0.9
    assert 0.97 < high < 1


def test_independent_covers_are_worth_what_they_are() -> None:
    # the variance of 30 of 40 is 0.75 * 0.25 / 40, so that 39 / 40 of 40 covers count, with t(39) = 2.0227
    resampled = 0.75 + np.sqrt(0.75 * 0.25 / 40) * np.array([-1.0, 1.0] * 50)
    assert score_interval(0.75, resampled, groups=40) == pytest.approx(wilson(0.75, 39, 2.022691))
    # Wilson's own example: proportions that 8 of 10 does not refuse
    assert wilson(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_all_right_on_a_handful_of_groups_is_not_beyond_doubt() -> None:
    # Wilson's interval of m out of m starts at m / (m + 1.96^2)
    assert score_interval(1.0, np.ones(100), groups=5) == (pytest.approx(5 / (5 + 3.8415), abs=1e-4), 1)
    assert score_interval(0.0, np.zeros(100), groups=5) == (0, pytest.approx(3.8415 / 8.8415, abs=1e-4))
    # 1.5 times as wide: as 4 groups instead of 9
    assert score_interval(1.0, np.ones(9), groups=9, wider=1.5) == score_interval(1.0, np.ones(9), groups=4)


def test_what_was_not_drawn_is_left_out() -> None:
    resampled = np.array([np.nan, 1.0, np.nan, 1.0])
    assert score_interval(1.0, resampled, groups=2) == score_interval(1.0, np.ones(2), groups=2)
    assert score_interval(0.0, np.full(3, np.nan), groups=0) == (0, 1)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    assert len(holm(np.array([]))) == 0


@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_holm_is_statsmodels(scale: float) -> None:
    p_values = np.random.default_rng(0).random(50) * scale
    p_values[7:9] = p_values[3]
    p_values[20] = np.nan
    np.testing.assert_array_equal(holm(p_values), multipletests(p_values, method="holm")[1])


def test_intervals_of_pooled_folds_hold_what_the_procedure_reaches() -> None:
    """Coverage of 95 % intervals over simulated collections, plain and widened."""
    rng = np.random.default_rng(0)
    drawn = [_pooled(rng) for _ in range(COLLECTIONS)]
    for name in drawn[0]:
        # the mean over collections is what the procedure reaches with as many training covers
        truth = np.mean([scores[name][0] for scores in drawn])
        plain, widened = (
            np.mean([low <= truth <= high for low, high in (scores[name][which] for scores in drawn)])
            for which in (1, 2)
        )
        assert plain < 0.93, name
        assert widened > 0.95, name


COLLECTIONS = 300
BLOCKS = {"a": slice(0, 20), "b": slice(20, 30)}


def _pooled(
    rng: np.random.Generator, n: int = 200, folds: int = 5, genres: int = 3
) -> dict[str, tuple[float, tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """Scores of linear discriminants on one collection in pairs: value, plain interval, widened one."""
    group = np.arange(n) // 2
    y = rng.integers(0, genres, n // 2)[group]
    X = rng.normal(size=(n // 2, 30))[group] + 0.5 * rng.normal(size=(n, 30))
    X += 0.35 * np.random.default_rng(1).normal(size=(genres, 30))[y]
    fold = (rng.permutation(n // 2) % folds)[group]
    right = {names: np.zeros(n) for names in subsets(list(BLOCKS))}
    for number in range(folds):
        train, test = fold != number, fold == number
        for names in right:
            columns = np.hstack([np.ones((n, 1)), *(X[:, BLOCKS[name]] for name in names)])
            ridge = columns[train].T @ columns[train] + np.eye(columns.shape[1])
            weights = np.linalg.solve(ridge, columns[train].T @ np.eye(genres)[y[train]])
            right[names][test] = (columns[test] @ weights).argmax(axis=1) == y[test]
    draws = np.vstack([np.ones(n), group_weights(group, int(rng.integers(2**31)), 500)])
    values = {names: draws @ hits / draws.sum(axis=1) for names, hits in right.items()}
    both = values["a", "b"]
    scores = {
        "accuracy": both,
        "difference": both - values["a",],
        "shapley": shapley_values("ab", values)["b"],
    }
    return {
        name: (
            float(v[0]),
            interval(v[1:]),
            interval(v[1:], widening(folds)),
        )
        for name, v in scores.items()
    }


def test_one_group_more_changes_a_mean_over_genres_by_its_part_of_each() -> None:
    truth, groups = np.eye(3)[[0, 0, 0, 0, 1, 1]], np.array([0, 1, 2, 2, 3, 4])
    # three groups of the first genre, two of the second, none of the third
    assert one_group(truth, groups) == pytest.approx(np.hypot(1 / 3, 1 / 2) / 2)
    assert effective_groups(truth[4:], groups[4:]) == 2
