"""What an accuracy varies by: planted parts are found again."""

import numpy as np
import pytest

from coverfusion.experiments.evaluation.variance_parts import variance_parts


def _simulated(rng: np.random.Generator, sd_seed: float, sd_fold: float, copies: int) -> np.ndarray:
    """Variances of seeds, covers and folds for 4 seeds, 10 folds of 200 covers in groups of copies."""
    k, folds, n = 4, 10, 200
    fold = np.repeat(np.arange(folds), n)
    ease = np.repeat(rng.normal(0, 0.2, folds * n // copies), copies)
    chance = 0.5 + ease + rng.normal(0, sd_fold, folds)[fold] + rng.normal(0, sd_seed, (k, folds))[:, fold]
    groups = np.arange(folds * n) // copies
    found = variance_parts(rng.random((k, folds * n)) < chance, fold, groups)
    return np.array([found.seeds, found.covers, found.folds])


@pytest.mark.parametrize(("sd_seed", "sd_fold", "copies"), [(0.0, 0.0, 1), (0.04, 0.0, 1), (0.02, 0.05, 5)])
def test_planted_parts_are_found(sd_seed: float, sd_fold: float, copies: int) -> None:
    rng = np.random.default_rng(0)
    seeds, covers, folds = np.mean([_simulated(rng, sd_seed, sd_fold, copies) for _ in range(60)], axis=0)
    # a seed decides for each cover anew, too: p (1 - p) less what covers differ by
    assert seeds == pytest.approx(sd_seed**2 + (0.25 - 0.2**2) / 200, rel=0.15)
    assert covers == pytest.approx(0.2**2 * copies / 200, rel=0.15)
    # what is below 0 by chance counts as 0
    assert folds == pytest.approx(sd_fold**2, rel=0.2, abs=0.012**2)


def test_one_fold_says_nothing_of_folds() -> None:
    right = np.random.default_rng(0).random((3, 50)) < 0.5
    found = variance_parts(right, np.zeros(50), np.arange(50))
    assert np.isnan(found.folds)
    assert found.accuracy == pytest.approx(right.mean())
    same = variance_parts(np.repeat(right[:1], 3, axis=0), np.arange(50) % 5, np.arange(50))
    assert same.seeds == pytest.approx(0)
