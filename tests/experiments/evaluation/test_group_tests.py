"""Sign-flips over groups: beside McNemar's test, and the level they keep on simulated covers in groups."""

import numpy as np
import pytest

from coverfusion.experiments.bench.simulated_covers import judged_once
from coverfusion.experiments.evaluation.group_tests import group_tests
from coverfusion.experiments.evaluation.statistics import mcnemar_test


def _test(first: np.ndarray, second: np.ndarray, groups: np.ndarray):
    return group_tests((first * 1.0 - second)[:, None], groups, seed=0)[0]


@pytest.mark.parametrize(("only_first", "only_second"), [(30, 12), (25, 20), (60, 25)])
def test_without_groups_p_is_that_of_mcnemar(only_first: int, only_second: int) -> None:
    first = np.repeat([True, True, False, False], [80, only_first, only_second, 30])
    second = np.repeat([True, False, True, False], [80, only_first, only_second, 30])
    exact = mcnemar_test(first, second)[2]
    found = _test(first, second, np.arange(len(first)))
    assert found.p == pytest.approx(exact, abs=0.06)
    assert (found.low > 0) == (found.p < 0.05)
    assert found.difference == pytest.approx((only_first - only_second) / len(first))


def test_copies_of_a_cover_say_no_more_than_one() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(50) < 0.6, rng.random(50) < 0.4
    one = _test(first, second, np.arange(50))
    many = _test(np.repeat(first, 8), np.repeat(second, 8), np.repeat(np.arange(50), 8))
    assert (many.p, many.low, many.high) == pytest.approx((one.p, one.low, one.high))


def test_models_that_agree_on_five_groups_may_still_differ() -> None:
    found = _test(np.ones(10, bool), np.ones(10, bool), np.arange(10) // 2)
    assert (found.difference, found.p) == (0, 1)
    assert found.high == -found.low == pytest.approx(3.8415 / (5 + 3.8415), abs=1e-4)


def test_pooled_folds_are_judged_more_carefully() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random(300) < 0.6, rng.random(300) < 0.5
    difference, groups = (first * 1.0 - second)[:, None], np.arange(300)
    plain, wider = (group_tests(difference, groups, 0, width)[0] for width in (1.0, 1.5))
    assert wider.p > plain.p
    assert wider.high - wider.low == pytest.approx(1.5 * (plain.high - plain.low), rel=0.01)
    assert wider.practical.first < plain.practical.first


def test_with_groups_the_level_is_kept_and_mcnemar_breaks_it() -> None:
    flips, mcnemar, holds, samples = 0, 0, 0, 250
    for n in range(samples):
        judged = judged_once(np.random.default_rng(n), 40, 5, np.array([0.5, 0.5]))
        found = _test(*judged.right.T, judged.groups)
        flips += found.p < 0.05
        holds += found.low <= 0 <= found.high
        mcnemar += mcnemar_test(*judged.right.T)[2] < 0.05
    assert flips / samples <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / samples)
    assert holds / samples >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / samples)
    assert mcnemar / samples > 0.12
