"""Nested cross-validation by hand, and whether its interval holds the truth."""

import numpy as np
import pytest

from coverfusion.experiments.bench.simulated_covers import drawn_features, linear_answers
from coverfusion.experiments.evaluation.nested import NestedFold, mean_variance, nested_accuracy

FOLDS = 4


def test_by_hand() -> None:
    groups = np.arange(4)
    folds = [
        NestedFold(np.array([1, 1, 0, 0.0]), np.array([1, 1, 1, 0.0]), groups),
        NestedFold(np.array([1, 1, 1, 0.0]), np.array([1, 0, 0, 0.0]), groups),
        NestedFold(np.array([1, 0, 0, 0.0]), np.array([1, 1, 0, 0.0]), groups),
    ]
    found = nested_accuracy([folds])
    gaps = (0.25**2 + 0.5**2 + 0.25**2) / 3
    noise = (3 / 16 + 3 / 16 + 4 / 16) / 3 / 3  # p (1 - p) / (n - 1)
    independent = 0.25 / 11 - 0.0  # of twelve covers, which are groups 0 to 3 three times
    assert found.folds == pytest.approx(6 / 12)
    assert found.value == pytest.approx(6 / 12 - (1 + 1 / 3) * (6 / 12 - 6 / 12))
    assert mean_variance(folds[0].outside, groups) == pytest.approx(3 / 16 / 3)
    assert 2 / 3 * (gaps - noise) < independent * 3  # so that no bound counts above
    assert 1 <= found.inflation <= np.sqrt(3)


def test_covers_of_a_group_count_as_one() -> None:
    values = np.array([1, 1, 1, 0, 0, 0.0])
    assert mean_variance(values, np.array([0, 0, 0, 1, 1, 1])) == pytest.approx(0.25)
    assert mean_variance(values, np.zeros(6)) == 0


def test_too_few_folds_are_refused() -> None:
    fold = NestedFold(np.ones(2), np.ones(2), np.arange(2))
    with pytest.raises(ValueError, match="three folds"):
        nested_accuracy([[fold, fold]])


def collection(rng: np.random.Generator, n: int = 120, repeats: int = 4) -> tuple[float, object]:
    """The true accuracy of a linear model that learns from n covers, and what nested folds say of it."""
    y, other = rng.integers(0, 3, n), rng.integers(0, 3, 2000)
    X, new = (drawn_features(rng, codes, np.arange(len(codes)), 1, 12) for codes in (y, other))
    true = float((linear_answers(X, y, new)[0] == other).mean())

    def right(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        return (linear_answers(X[:, train], y[train], X[:, test])[0] == y[test]) * 1.0

    drawn = []
    for _ in range(repeats):
        fold = rng.permutation(n) % FOLDS
        drawn.append(
            [
                NestedFold(
                    np.concatenate(
                        [right((fold != k) & (fold != j), fold == j) for j in range(FOLDS) if j != k]
                    ),
                    right(fold != k, fold == k),
                    np.flatnonzero(fold == k),
                )
                for k in range(FOLDS)
            ]
        )
    return true, nested_accuracy(drawn)


def test_the_interval_holds_the_accuracy_of_the_model_that_learns_from_all() -> None:
    found = [collection(np.random.default_rng(seed)) for seed in range(100)]
    held = [low <= true <= high for true, (low, high) in ((t, (n.low, n.high)) for t, n in found)]
    assert np.mean(held) >= 0.9
    assert np.mean([n.value - true for true, n in found]) == pytest.approx(0, abs=0.02)
