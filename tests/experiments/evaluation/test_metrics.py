"""Scores agree with scikit-learn and with hand-computed values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from coverfusion.experiments.evaluation.metrics import score_predictions

CLASSES = ["jazz", "metal", "pop", "rap"]


def _drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(4), size=n)
    y = np.array([rng.choice(CLASSES, p=0.5 * p + 0.125) for p in proba])
    return y, proba


@given(n=st.integers(30, 200), seed=st.integers(0, 10_000))
def test_agrees_with_scikit_learn(n: int, seed: int) -> None:
    y, proba = _drawn(n, seed)
    predicted = np.array(CLASSES)[proba.argmax(axis=1)]
    ours = score_predictions(y, proba, CLASSES, np.arange(n)).overall["value"]
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(y, predicted))
    for average in ("macro", "weighted"):
        theirs = sk.precision_recall_fscore_support(
            y, predicted, labels=sorted(set(y)), average=average, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), theirs, strict=False):
            assert ours[f"{name}_{average}"] == pytest.approx(value)
    if len(set(y)) == 4:
        assert ours["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(y, predicted))
        assert ours["log_loss"] == pytest.approx(sk.log_loss(y, proba, labels=CLASSES))
        assert ours["top3_accuracy"] == pytest.approx(sk.top_k_accuracy_score(y, proba, k=3, labels=CLASSES))


def test_hand_computed() -> None:
    y = ["a", "a", "b", "b"]
    proba = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    scores = score_predictions(y, proba, ["a", "b"], [1, 2, 3, 4])
    assert scores.confusion.to_numpy().tolist() == [[1, 1], [0, 2]]
    assert scores.overall.loc["accuracy", "value"] == 0.75
    assert scores.per_genre.loc[("a", "precision"), "value"] == 1.0
    assert scores.per_genre.loc[("b", "precision"), "value"] == pytest.approx(2 / 3)
    assert scores.per_genre.loc[("a", "f1"), "value"] == pytest.approx(2 / 3)
    # four bins of one cover each: |0.9-1|, |0.6-0|, |0.8-1|, |0.7-1|
    assert scores.overall.loc["ece", "value"] == pytest.approx((0.1 + 0.6 + 0.2 + 0.3) / 4)


def test_interval_holds_the_value_and_shrinks_with_covers() -> None:
    small, large = (
        score_predictions(*_drawn(n, 1), CLASSES, np.arange(n)).overall.loc["accuracy"] for n in (100, 2500)
    )
    for row in (small, large):
        assert row["low"] < row["value"] < row["high"]
    # the width goes with 1 / sqrt(n): a fifth here
    assert (large["high"] - large["low"]) / (small["high"] - small["low"]) == pytest.approx(0.2, abs=0.08)


def test_groups_are_drawn_together() -> None:
    y, proba = _drawn(50, 2)
    alone = score_predictions(y, proba, CLASSES, np.arange(50)).overall.loc["accuracy"]
    copies = score_predictions(
        np.tile(y, 4), np.tile(proba, (4, 1)), CLASSES, np.tile(np.arange(50), 4)
    ).overall.loc["accuracy"]
    # four copies of each cover say no more than one
    assert copies["high"] - copies["low"] == pytest.approx(alone["high"] - alone["low"], rel=0.15)


def test_genres_that_tie_for_the_third_place_count_as_chance_has_it() -> None:
    y = ["jazz", "metal", "pop", "rap"]
    told = {
        "jazz": [0.25, 0.25, 0.25, 0.25],  # in for 3 of 4
        "metal": [0.6, 0.1, 0.1, 0.2],  # two places left are one: metal and pop tie for it
        "pop": [0.4, 0.3, 0.2, 0.1],
        "rap": [0.4, 0.3, 0.2, 0.1],
    }
    scores = score_predictions(y, np.array([told[genre] for genre in y]), CLASSES, np.arange(4))
    assert scores.overall.loc["top3_accuracy", "value"] == pytest.approx((3 / 4 + 1 / 2 + 1 + 0) / 4)


def test_the_calibration_error_has_no_interval() -> None:
    y, proba = _drawn(80, 5)
    row = score_predictions(y, proba, CLASSES, np.arange(80)).overall.loc["ece"]
    assert 0 < row["value"] < 1
    assert np.isnan([row["low"], row["high"]]).all()


def test_same_seed_same_interval() -> None:
    y, proba = _drawn(60, 3)
    first, again, other = (
        score_predictions(y, proba, CLASSES, np.arange(60), seed).overall for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_a_genre_without_covers_has_no_part_in_macro_scores() -> None:
    y = ["a", "a", "b"]
    proba = np.array([[0.9, 0.1, 0.0], [0.1, 0.2, 0.7], [0.0, 1.0, 0.0]])
    scores = score_predictions(y, proba, ["a", "b", "c"], [1, 2, 3])
    # recall 1/2 and 1, F1 2/3 and 1; that a cover of a was called c counts against a
    assert scores.overall.loc["f1_macro", "value"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores.overall.loc["recall_macro", "value"] == pytest.approx(3 / 4)
    assert scores.overall.loc["balanced_accuracy", "value"] == pytest.approx(3 / 4)
    nothing = scores.per_genre.loc[("c", "f1")]
    assert (nothing["covers"], nothing["value"], nothing["low"], nothing["high"]) == (0, 0, 0, 1)
    # c was predicted once, wrongly: precision is 0 of 1
    assert scores.per_genre.loc[("c", "precision"), "high"] == pytest.approx(3.8415 / 4.8415, abs=1e-4)


def test_all_right_on_a_handful_of_covers_is_not_beyond_doubt() -> None:
    y = ["a"] * 20 + ["b"] * 2
    scores = score_predictions(y, np.eye(2)[np.repeat([0, 1], [20, 2])], ["a", "b"], np.arange(22))
    assert scores.overall.loc["accuracy", "low"] == pytest.approx(22 / (22 + 3.8415), abs=1e-4)
    assert scores.overall.loc["f1_macro", "low"] < 1
    assert scores.overall.loc["top3_accuracy", "low"] == 1  # of two genres
    # b is not in every resample; where it is, it is right
    for name in ("precision", "recall", "f1"):
        assert scores.per_genre.loc[("b", name), "low"] == pytest.approx(2 / (2 + 3.8415), abs=1e-4)
        assert scores.per_genre.loc[("b", name), "high"] == 1


def test_intervals_of_pooled_folds_are_wider() -> None:
    y, proba = _drawn(200, 4)
    one, pooled = (score_predictions(y, proba, CLASSES, np.arange(200), folds=folds) for folds in (None, 5))
    for row in ("accuracy", "f1_macro"):
        width, wider = (s.overall.loc[row, "high"] - s.overall.loc[row, "low"] for s in (one, pooled))
        assert wider == pytest.approx(1.5 * width, rel=0.05)
    factor, wider = (
        s.overall.loc["log_loss", "high"] / s.overall.loc["log_loss", "low"] for s in (one, pooled)
    )
    assert wider == pytest.approx(factor**1.5)
    assert (one.per_genre["value"] == pooled.per_genre["value"]).all()
