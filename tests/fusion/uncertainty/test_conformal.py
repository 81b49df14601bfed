import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from sklearn.linear_model import LogisticRegression

from coverfusion.fusion.uncertainty.conformal import METHODS, nonconformity, prediction_sets, set_limit

GUARANTEES = (0.8, 0.9, 0.95)


def sampled(n, rng, classes=5):
    """Probabilities, and true classes that do not follow them: the model is wrong about itself."""
    logits = rng.normal(size=(n, classes))
    true = np.exp(0.5 * logits)
    y = (true.cumsum(axis=1) / true.sum(axis=1, keepdims=True) < rng.uniform(size=(n, 1))).sum(axis=1)
    proba = np.exp(2 * logits)
    return proba / proba.sum(axis=1, keepdims=True), y


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_sets_hold_the_true_class_as_often_as_guaranteed(method, guarantee):
    rng = np.random.default_rng(0)
    held = []
    for _ in range(100):
        proba, y = sampled(600, rng)
        limit = set_limit(proba[:200], y[:200], guarantee, method)
        held.append(prediction_sets(proba[200:], limit, method)[np.arange(400), y[200:]].mean())
    assert np.mean(held) == pytest.approx(guarantee, abs=0.01)


def test_the_default_agrees_with_mapie():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 4))
    y = (X[:, 0] + rng.normal(size=600) > 0).astype(int) + (X[:, 1] + rng.normal(size=600) > 1)
    model = LogisticRegression().fit(X[:200], y[:200])
    theirs = SplitConformalClassifier(model, confidence_level=list(GUARANTEES)).conformalize(
        X[200:400], y[200:400]
    )
    found = theirs.predict_set(X[400:])[1]
    proba = model.predict_proba(X)
    for i, guarantee in enumerate(GUARANTEES):
        ours = prediction_sets(proba[400:], set_limit(proba[200:400], y[200:400], guarantee))
        expected = found[:, :, i]
        expected[np.arange(200), proba[400:].argmax(axis=1)] = True  # ours are never empty
        np.testing.assert_array_equal(ours, expected)


def test_scores_by_hand():
    proba = np.array([[0.2, 0.5, 0.3]])
    np.testing.assert_allclose(nonconformity(proba, "lac"), [[0.8, 0.5, 0.7]])
    np.testing.assert_allclose(nonconformity(proba, "aps"), [[0.9, 0.25, 0.65]])
    with pytest.raises(ValueError, match="lac, aps"):
        nonconformity(proba, "raps")


def test_the_limit_is_the_order_statistic_of_n_plus_one():
    own = np.linspace(0.1, 0.9, 9)  # the scores of nine rows
    proba = np.column_stack([1 - own, own])
    y = np.zeros(9, int)
    assert set_limit(proba, y, 0.8) == pytest.approx(0.8)  # the 8th of 9: ceil(10 * 0.8)
    assert set_limit(proba, y, 0.9) == pytest.approx(0.9)
    assert set_limit(proba, y, 0.95) == np.inf
    assert prediction_sets(proba, np.inf).all()


@given(st.integers(0, 1000), st.sampled_from(METHODS))
def test_a_higher_guarantee_only_adds_classes_and_no_set_is_empty(seed, method):
    proba, y = sampled(60, np.random.default_rng(seed))
    smaller, larger = (
        prediction_sets(proba, set_limit(proba[:40], y[:40], guarantee, method), method)
        for guarantee in (0.3, 0.9)
    )
    assert (larger >= smaller).all()
    assert smaller.any(axis=1).all()
