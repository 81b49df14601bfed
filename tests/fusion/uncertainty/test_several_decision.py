"""Thresholds by genre, and sets that miss no more of a cover's genres than was asked."""

from pathlib import Path

import numpy as np
import pytest

from coverfusion.data.errors import UserError
from coverfusion.fusion.uncertainty.genre_thresholds import NEVER, best_thresholds, called
from coverfusion.fusion.uncertainty.several_decision import (
    SeveralDecision,
    false_negative_threshold,
    learn_several_decision,
)


def test_thresholds_by_hand() -> None:
    truth = np.array([[1, 0], [1, 0], [0, 0], [1, 0], [0, 0]], bool)
    proba = np.array([[0.9, 0.5], [0.8, 0.4], [0.6, 0.3], [0.4, 0.2], [0.1, 0.1]])
    # F1 from above: 2/4, 4/5, 4/6, 6/7, 6/8: the best lies between 0.4 and 0.1
    assert best_thresholds(truth, proba).tolist() == [pytest.approx(0.25), NEVER]


def test_every_cover_is_called_something() -> None:
    says = called(np.array([[0.1, 0.5], [0.3, 0.1]]), np.array([0.25, 0.6]))
    assert says.tolist() == [[False, True], [True, False]]


def test_the_false_negative_rate_by_hand() -> None:
    proba, truth = np.arange(1, 10)[:, None] / 10, np.ones((9, 1), bool)
    # 9 covers: R of the lowest m is m / 9, and 9 / 10 x m / 9 + 1 / 10 <= 0.3 allows m = 2
    assert false_negative_threshold(proba, truth, np.arange(9), 0.3) == pytest.approx(0.3)
    assert false_negative_threshold(proba, truth, np.arange(9), 0.05) == 0.0  # too few covers


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_new_groups_miss_no_more_than_was_asked(rate: float) -> None:
    rng = np.random.default_rng(0)
    missed = []
    for _ in range(200):
        held, new = drawn(rng, 60), drawn(rng, 100)
        limit = false_negative_threshold(*held, rate)
        proba, truth, groups = new
        own = (truth & (proba < limit)).sum(axis=1) / truth.sum(axis=1)
        missed.append((np.bincount(groups, own) / np.bincount(groups)).mean())
    error = np.std(missed) / np.sqrt(len(missed))
    assert rate - 0.05 < np.mean(missed) < rate + 2 * error


def drawn(rng: np.random.Generator, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    group = np.repeat(np.arange(groups), rng.integers(1, 4, groups))
    signal = rng.normal(size=(groups, 4))[group] + rng.normal(size=(len(group), 4))
    truth = signal + rng.normal(size=signal.shape) > 1
    truth[~truth.any(axis=1), 0] = True
    return 1 / (1 + np.exp(-signal)), truth, group


def test_it_is_kept_and_a_broken_file_is_refused(tmp_path: Path) -> None:
    proba, truth, groups = drawn(np.random.default_rng(1), 30)
    learnt = learn_several_decision(proba, truth, groups, "folds")
    learnt.save(tmp_path)
    again = SeveralDecision.load(tmp_path)
    assert again.named(proba, list("abcd")) == learnt.named(proba, list("abcd"))
    assert again.sets(proba, 0.9, list("abcd")) == learnt.sets(proba, 0.9, list("abcd"))
    (tmp_path / "several.json").write_text("{")
    with pytest.raises(UserError, match="Train again"):
        SeveralDecision.load(tmp_path)
