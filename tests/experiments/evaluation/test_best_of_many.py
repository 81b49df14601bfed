"""The best of equal models: what its luck is worth, and that no other is called worse."""

import numpy as np
import pytest
from scipy.stats import norm

from coverfusion.experiments.bench.simulated_covers import judged_once
from coverfusion.experiments.evaluation.best_of_many import corrected_best, many_differences


def test_two_models_get_their_plain_difference() -> None:
    rng = np.random.default_rng(0)
    right = rng.random((400, 2)) < [0.7, 0.5]
    found = many_differences(right, np.arange(400), seed=0)
    interval = found.interval(0, 1)
    assert interval.value == pytest.approx(right[:, 0].mean() - right[:, 1].mean())
    # of one pair the largest deviation is its own, so about 1.96 standard errors
    error = np.std(right[:, 0] * 1.0 - right[:, 1]) / 20
    assert interval.high - interval.value == pytest.approx(1.96 * error, rel=0.08)
    assert found.interval(1, 0).low == pytest.approx(-interval.high)


def test_more_models_make_every_interval_wider() -> None:
    right = np.random.default_rng(1).random((300, 12)) < 0.5
    few, many = (many_differences(right[:, :m], np.arange(300), 0).interval(0, 1) for m in (2, 12))
    assert many.high - many.low > 1.4 * (few.high - few.low)


def test_what_is_not_compared_widens_no_interval() -> None:
    right = np.random.default_rng(1).random((300, 12)) < 0.5
    pairs = np.zeros((12, 12), dtype=bool)
    pairs[:2, :2] = ~np.eye(2, dtype=bool)
    some, two = (
        many_differences(right, np.arange(300), 0, pairs=pairs),
        many_differences(right[:, :2], np.arange(300), 0),
    )
    assert some.interval(0, 1) == two.interval(0, 1)
    apart = some.interval(0, 2)
    assert (apart.low, apart.high) == (-1, 1)  # nothing is said of other pairs


def test_models_that_agree_on_a_few_groups_may_still_differ() -> None:
    right = np.repeat(np.random.default_rng(2).random((8, 1)) < 0.5, 2, axis=1)
    found = many_differences(right, np.arange(8), 0).interval(0, 1)
    assert found.value == 0
    assert found.high == -found.low > 0.3


def test_one_model_needs_no_correction_and_the_better_of_two_hardly_any() -> None:
    rng = np.random.default_rng(3)
    right = rng.random((300, 2)) < [0.8, 0.4]
    alone = corrected_best(right[:, :1], np.arange(300), 0)
    both = corrected_best(right, np.arange(300), 0)
    assert alone.value == pytest.approx(right[:, 0].mean(), abs=0.003)
    assert both.value == pytest.approx(alone.value)


def test_of_ten_equal_models_none_is_surely_worse_and_the_best_is_not_flattered() -> None:
    wrongly, lucky, corrected, holds, samples = 0, 0.0, 0.0, 0, 100
    for n in range(samples):
        judged = judged_once(np.random.default_rng(n), 60, 2, np.full(10, 0.5))
        best = judged.right.mean(axis=0).argmax()
        many = many_differences(judged.right, judged.groups, n)
        wrongly += any(many.interval(m, best).high < 0 for m in range(10))
        found = corrected_best(judged.right, judged.groups, n)
        lucky += judged.right[:, best].mean() - 0.5
        corrected += found.value - 0.5
        holds += found.low <= 0.5 <= found.high
    assert wrongly / samples <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / samples)
    assert lucky / samples > 0.04
    assert abs(corrected / samples) < 0.015
    assert holds / samples >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / samples)


@pytest.mark.parametrize("wider", [1.0, 1.5])
def test_what_is_practically_equal_has_the_error_that_the_interval_has(wider: float) -> None:
    rng = np.random.default_rng(5)
    right = rng.random((400, 2)) < [0.52, 0.5]
    found = many_differences(right, np.arange(400), 0, wider)
    interval, practical = found.interval(0, 1), found.practical(0, 1, 0.01)
    error = (interval.high - interval.value) / 1.96  # of one pair
    expected = norm(interval.value, error)
    assert practical.first == pytest.approx(expected.sf(0.01), abs=0.02)
    assert practical.equal == pytest.approx(expected.cdf(0.01) - expected.cdf(-0.01), abs=0.02)
    assert practical.equal + practical.first + practical.second == pytest.approx(1)
    assert np.isnan(found.practical(0, 1, np.nan).equal)
