"""Scores of covers of several genres: by hand, by scikit-learn, and intervals that hold the truth."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from coverfusion.experiments.evaluation.chosen_metric import METRICS, cover_losses, metric_value
from coverfusion.experiments.evaluation.several_metrics import average_precision, score_sets

GENRES = ["a", "b", "c"]
TRUTH = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]], bool)
NAMED = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 1]], bool)
PROBA = np.array([[0.9, 0.4, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1], [0.1, 0.5, 0.8]])


def drawn(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 4)) < 0.4
    truth[~truth.any(axis=1), 0] = True
    proba = np.clip(0.3 * truth + rng.random((n, 4)) * 0.7, 0, 1).round(2)  # with ties
    return truth, proba > 0.5, proba


def test_scores_by_hand() -> None:
    scores = score_sets(TRUTH, NAMED, PROBA, GENRES, np.arange(4))
    value = scores.overall["value"]
    assert value["accuracy"] == 0.25  # the second cover alone
    assert value["hamming_loss"] == pytest.approx(4 / 12)
    assert value["f1_micro"] == pytest.approx(2 * 3 / (5 + 5))
    # a: 1 hit of 2, named 1; b: 1 of 2, named 3; c: 1 of 1, named 1
    assert value["f1_macro"] == pytest.approx(np.mean([2 / 3, 2 / 5, 1]))
    # each has 2 pairs of one that it has and one that it lacks; a before b of the third cover is wrong
    assert value["ranking_loss"] == pytest.approx(np.mean([0, 0, 1 / 2, 0]))
    assert scores.confusion.to_numpy().tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 1]]
    assert scores.per_genre.loc[("b", "precision"), "value"] == pytest.approx(1 / 3)
    assert scores.covers == 4


def test_definitions_are_those_of_scikit_learn() -> None:
    truth, named, proba = drawn(0)
    value = score_sets(truth, named, proba, list("abcd"), np.arange(len(truth))).overall["value"]
    assert value["accuracy"] == pytest.approx(sk.accuracy_score(truth, named))
    assert value["f1_macro"] == pytest.approx(sk.f1_score(truth, named, average="macro"))
    assert value["f1_micro"] == pytest.approx(sk.f1_score(truth, named, average="micro"))
    assert value["balanced_accuracy"] == pytest.approx(sk.recall_score(truth, named, average="macro"))
    assert value["average_precision"] == pytest.approx(sk.average_precision_score(truth, proba))
    assert value["hamming_loss"] == pytest.approx(sk.hamming_loss(truth, named))
    untied = proba + np.random.default_rng(1).random(proba.shape) * 1e-6
    assert cover_losses(truth, untied)[:, 2].mean() == pytest.approx(sk.label_ranking_loss(truth, untied))


def test_a_cover_drawn_twice_counts_twice_in_average_precision() -> None:
    truth, _, proba = drawn(1, 40)
    weights = np.random.default_rng(0).integers(0, 3, (5, 40)).astype(float)
    found = average_precision(truth, proba, weights)
    for row, own in zip(found, weights.astype(int), strict=True):
        twice = np.repeat(np.arange(40), own)
        expected = [sk.average_precision_score(truth[twice, g], proba[twice, g]) for g in range(4)]
        np.testing.assert_allclose(row, expected)


def test_one_genre_each_gives_the_metrics_of_single_genres() -> None:
    rng = np.random.default_rng(2)
    codes, named = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    proba = rng.dirichlet(np.ones(4), 200)
    one_hot = np.eye(4, dtype=bool)
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        single = metric_value(METRICS[name], codes, named, proba)
        several = metric_value(METRICS[name], one_hot[codes], one_hot[named], proba)
        assert single == pytest.approx(several)


@pytest.fixture(scope="module")
def proportion_held() -> pd.Series:
    """Of 100 samples, in how many the interval of each score holds its value in a very large one."""
    truth = score_sets(*drawn(99, 40_000), list("abcd"), np.arange(40_000) // 400).overall["value"]
    samples = [score_sets(*drawn(seed, 150), list("abcd"), np.arange(150)).overall for seed in range(100)]
    held = [(sample["low"] <= truth) & (truth <= sample["high"]) for sample in samples]
    return pd.DataFrame(held).mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    "score", ["accuracy", "f1_macro", "f1_micro", "average_precision", "log_loss", "ranking_loss"]
)
def test_intervals_hold_the_truth(proportion_held: pd.Series, score: str) -> None:
    assert proportion_held[score] >= 0.9
