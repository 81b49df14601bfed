import numpy as np
import pytest

from coverfusion.fusion.uncertainty.abstention import (
    area_under_risk_coverage,
    plain_threshold_for_error,
    risk_coverage,
    threshold_for_coverage,
    threshold_for_error,
)

# most confident first: right, wrong, right, right, wrong
CONFIDENCE = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
WRONG = np.array([False, True, False, False, True])


def drawn(n, rng):
    """Covers of confidence u, wrong with probability 1 - u: of those above t, (1 - t) / 2 are wrong."""
    confidence = rng.uniform(size=n)
    return confidence, rng.uniform(size=n) > confidence


def test_a_guaranteed_error_is_broken_in_at_most_a_tenth_of_the_draws_and_a_plain_one_far_more_often():
    rng = np.random.default_rng(0)
    draws = [drawn(400, rng) for _ in range(200)]
    guaranteed = np.array([threshold_for_error(*draw, 0.2) for draw in draws])
    plain = np.array([plain_threshold_for_error(*draw, 0.2) for draw in draws])
    assert (guaranteed < 0.6).mean() <= 0.13  # 0.1, and what 200 draws vary
    assert (plain < 0.6).mean() > 0.3
    assert 0.6 < np.median(guaranteed) < 0.75  # careful, but not useless


def test_without_mistakes_all_are_answered_and_with_only_mistakes_none():
    confidence = np.linspace(1, 0.2, 60)
    assert threshold_for_error(confidence, np.zeros(60, bool), 0.2) == -np.inf
    assert threshold_for_error(confidence, np.ones(60, bool), 0.2) == np.inf


def test_a_handful_of_covers_guarantees_nothing():
    # ten right answers in a row happen with probability 0.8 ** 10 = 0.107 where a fifth is wrong
    assert threshold_for_error(np.linspace(1, 0.5, 10), np.zeros(10, bool), 0.2) == np.inf
    assert threshold_for_error(np.array([]), np.array([], bool), 0.2) == np.inf


def test_equal_confidences_are_answered_together_or_not_at_all():
    assert threshold_for_error(np.full(100, 0.7), np.zeros(100, bool), 0.2) == -np.inf
    assert threshold_for_error(np.full(100, 0.7), np.arange(100) < 30, 0.2) == np.inf
    assert plain_threshold_for_error(np.full(4, 0.7), np.array([False, True, True, True]), 0.2) == np.inf


def test_the_plain_threshold_by_hand():
    assert plain_threshold_for_error(CONFIDENCE, WRONG, 0.25) == 0.5  # 1 of 4 wrong
    assert plain_threshold_for_error(CONFIDENCE, WRONG, 0.2) == 0.8  # 0 of 1
    assert plain_threshold_for_error(CONFIDENCE, WRONG, 0.4) == -np.inf


@pytest.mark.parametrize(("coverage", "answered"), [(0.2, 1), (0.6, 3), (1.0, 5)])
def test_a_target_coverage_answers_so_many(coverage, answered):
    assert (threshold_for_coverage(CONFIDENCE, coverage) < CONFIDENCE).sum() == answered


def test_risk_and_its_area_by_hand():
    errors = risk_coverage(CONFIDENCE, WRONG, np.array([0.2, 0.4, 0.6, 0.8, 1.0]))
    np.testing.assert_allclose(errors, [0, 1 / 2, 1 / 3, 1 / 4, 2 / 5])
    assert area_under_risk_coverage(CONFIDENCE, WRONG) == pytest.approx(errors.mean())


def test_weights_count_as_copies():
    rng = np.random.default_rng(1)
    times = rng.integers(0, 3, 5)
    rows = np.repeat(np.arange(5), times)
    at = np.array([0.3, 0.7, 1.0])
    weighted = risk_coverage(CONFIDENCE, WRONG, at, times[None].astype(float))[0]
    assert weighted[-1] == pytest.approx(WRONG[rows].mean())
    whole = area_under_risk_coverage(CONFIDENCE, WRONG, np.ones((1, 5)))
    assert whole[0] == pytest.approx(float(area_under_risk_coverage(CONFIDENCE, WRONG)))
