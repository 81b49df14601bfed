"""Probabilities of practical equivalence, by hand."""

import numpy as np
import pytest

from coverfusion.experiments.evaluation.rope import correlated_t_rope, practical_from_draws


def _t2(x: float) -> float:
    """The distribution function of Student's t with two degrees of freedom."""
    return 0.5 + x / (2 * np.sqrt(2 + x**2))


def test_the_correlated_t_test_by_hand() -> None:
    # three folds: mean 0.02, s 0.01, variance (1/3 + 1/2) * 0.01^2, two degrees of freedom
    found = correlated_t_rope(np.array([0.01, 0.02, 0.03]), 1 / 2, covers=50, rope=0.01)
    error = 0.01 * np.sqrt(1 / 3 + 1 / 2)
    first, second = 1 - _t2((0.01 - 0.02) / error), _t2((-0.01 - 0.02) / error)
    assert (found.first, found.second) == pytest.approx((first, second))
    assert found.equal == pytest.approx(1 - first - second)


def test_with_ten_folds_as_the_paper_has_it() -> None:
    """rho = 1 / 10: the scale is s^2 (1 / J + rho / (1 - rho)), J - 1 degrees of freedom (section 4.1)."""
    rng = np.random.default_rng(0)
    differences = rng.normal(0.0, 0.02, 100)
    found = correlated_t_rope(differences, (1 / 10) / (1 - 1 / 10), covers=40)
    scale = np.std(differences, ddof=1) * np.sqrt(1 / 100 + 1 / 9)
    draws = differences.mean() + scale * np.random.default_rng(1).standard_t(99, 400_000)
    told = practical_from_draws(draws)
    assert (found.equal, found.first) == pytest.approx((told.equal, told.first), abs=0.004)


def test_folds_that_agree_are_not_certain() -> None:
    found = correlated_t_rope(np.zeros(5), 1 / 4, covers=30)
    assert 0.5 < found.equal < 0.99
    assert found.first == pytest.approx(found.second)


def test_a_wider_region_holds_more() -> None:
    differences = np.array([0.0, 0.02, 0.01, -0.01, 0.02])
    narrow, wide = (correlated_t_rope(differences, 1 / 4, 60, rope).equal for rope in (0.01, 0.03))
    assert narrow < wide
