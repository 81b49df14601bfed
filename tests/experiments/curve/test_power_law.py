"""The power law of a learning curve and what it says of twice the data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coverfusion.experiments.curve.power_law import PowerLaw, doubling, fit_power_law, verdict_of

SIZES = np.array([100.0, 200.0, 400.0, 800.0, 1600.0])


@settings(max_examples=15)
@given(a=st.floats(0.0, 0.4), b=st.floats(0.5, 3.0), c=st.floats(0.2, 1.0))
def test_an_exact_power_law_is_recovered(a: float, b: float, c: float) -> None:
    law = PowerLaw(a, b, c)
    found = fit_power_law(SIZES, np.asarray(law.error(SIZES)))
    # a and c may trade off, so it is the predictions that must agree, beyond the data too
    np.testing.assert_allclose(found.error(4 * SIZES), law.error(4 * SIZES), atol=2e-4)


def test_the_three_numbers_are_those_of_the_curve() -> None:
    found = fit_power_law(SIZES, 0.3 + 2 * SIZES**-0.5)
    assert (found.a, found.b, found.c) == pytest.approx((0.3, 2.0, 0.5), abs=1e-3)


def test_doubling_an_exact_curve_by_hand() -> None:
    accuracy = 0.7 - 2 * SIZES**-0.5 + np.random.default_rng(0).normal(0, 1e-6, (5, 5))
    found = doubling(SIZES, accuracy, test_share=0.25, covers=80)
    expected = 2 / 40 - 2 / np.sqrt(3200)  # 0.0146
    assert found.gain == pytest.approx(expected, abs=1e-5)
    assert (found.gain_low, found.gain_high) == pytest.approx((expected, expected), abs=1e-4)
    assert found.missed == pytest.approx(0, abs=1e-4)  # the smaller sizes alone say the same
    # from 800 to 1600
    assert found.last[0] == pytest.approx(2 / np.sqrt(800) - 2 / 40, abs=1e-5)
    assert found.verdict == "rising"


def test_folds_that_differ_widen_the_interval_around_the_gain() -> None:
    rng = np.random.default_rng(0)
    accuracy = 0.7 - 2 * SIZES**-0.5 + rng.normal(0, 0.003, (5, 5))
    found = doubling(SIZES, accuracy, test_share=0.25, covers=80)
    assert found.gain_low < found.gain < found.gain_high
    assert found.gain_low < 0.0146 < found.gain_high


def test_a_curve_that_breaks_off_is_not_believed() -> None:
    rng = np.random.default_rng(2)
    accuracy = 0.7 - 2 * SIZES**-0.5 + rng.normal(0, 0.001, (5, 5))
    accuracy[:, -1] = accuracy[:, -2] - 0.02
    found = doubling(SIZES, accuracy, test_share=0.25, covers=80)
    # the first four sizes promise 2 points more
    assert found.missed == pytest.approx(-0.02 - (2 / np.sqrt(800) - 2 / 40), abs=0.005)
    assert found.gain_low < found.gain - 0.03


def test_a_curve_that_does_not_rise_is_called_flat() -> None:
    rng = np.random.default_rng(1)
    found = doubling(SIZES, 0.3 + rng.normal(0, 0.02, (5, 5)), test_share=0.25, covers=80)
    assert found.verdict == "flat"
    assert found.per_doubling[1] <= 0 <= found.per_doubling[2]


def test_average_rise_of_a_straight_line_by_hand() -> None:
    accuracy = np.array([[0.10, 0.12, 0.14, 0.16, 0.18], [0.10, 0.14, 0.18, 0.22, 0.26]])
    found = doubling(SIZES, accuracy, test_share=1.0, covers=80)
    # two folds: mean (0.02 + 0.04) / 2, sd 0.02 / sqrt 2, error sd * sqrt(1/2 + 1), t(1) = 12.706
    half = 12.7062 * 0.02 / np.sqrt(2) * np.sqrt(1.5)
    assert found.per_doubling == pytest.approx((0.03, 0.03 - half, 0.03 + half), abs=1e-5)


def test_sizes_that_hold_no_doubling_say_nothing_of_one() -> None:
    accuracy = np.array([[0.10, 0.30], [0.20, 0.30]])
    assert np.isnan(doubling(np.array([30, 59]), accuracy, test_share=1.0, covers=80).per_doubling).all()
    rise = doubling(np.array([30, 60]), accuracy, test_share=1.0, covers=80).per_doubling
    assert rise[0] == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("sizes", "rise_low", "gain_low", "verdict"),
    [
        ([100, 200, 400], 0.01, 0.01, "short"),
        ([100, 150, 200, 250], 0.01, 0.01, "short"),
        ([100, 200, 400, 800], -0.01, 0.01, "flat"),
        ([100, 200, 400, 800], 0.01, 0.0001, "unsure"),
        ([100, 200, 400, 800], 0.01, 0.01, "rising"),
    ],
)
def test_what_is_believed(sizes: list[int], rise_low: float, gain_low: float, verdict: str) -> None:
    assert verdict_of(np.array(sizes), rise_low, gain_low) == verdict
