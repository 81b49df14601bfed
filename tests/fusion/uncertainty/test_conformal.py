import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from sklearn.linear_model import LogisticRegression

from coverfusion.experiments.bench.simulated_covers import PLANTED, planted_genres
from coverfusion.fusion.uncertainty.conformal import (
    METHODS,
    nonconformity,
    prediction_sets,
    rows_needed,
    set_limit,
    set_limits_by_class,
)

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


def planted(rng, n):
    """Right probabilities and codes of n covers of five genres, from half of all to one in fifty."""
    return planted_genres(rng, rng.choice(len(PLANTED), n, p=PLANTED))[:2]


@pytest.mark.parametrize("method", METHODS)
def test_sets_by_class_hold_every_class_and_marginal_ones_only_all_together(method):
    rng = np.random.default_rng(2)
    new, truth = planted(rng, 40_000)
    held = {"marginal": [], "by class": []}
    for _ in range(60):
        proba, y = planted(rng, 1000)
        limits = {
            "marginal": set_limit(proba, y, 0.9, method),
            "by class": set_limits_by_class(proba, y, 0.9, method),
        }
        for kind, limit in limits.items():
            inside = prediction_sets(new, limit, method)[np.arange(len(truth)), truth]
            own = [inside[truth == code].mean() for code in range(len(PLANTED))]
            held[kind].append([inside.mean(), *own])
    marginal, by_class = (np.mean(held[kind], axis=0) for kind in ("marginal", "by class"))
    errors = np.std(held["by class"], axis=0, ddof=1) / np.sqrt(60)
    assert (by_class >= 0.9 - 2 * errors).all()  # over all, and of each
    if method == "lac":
        np.testing.assert_allclose(marginal, [0.9, 0.99, 0.94, 0.76, 0.43, 0.16], atol=0.02)


def test_sets_by_class_hold_under_other_proportions_of_the_classes():
    rng = np.random.default_rng(3)
    proba, y = planted(rng, 4000)
    new, truth = planted(rng, 40_000)
    share = np.bincount(truth) / len(truth)
    equal = (1 / len(share)) / share[truth]  # as if all were equally common
    for limit, expected in ((set_limits_by_class(proba, y, 0.9), 0.9), (set_limit(proba, y, 0.9), 0.66)):
        inside = prediction_sets(new, limit)[np.arange(len(truth)), truth]
        assert np.average(inside, weights=equal) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("coverage", "needed"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)])
def test_a_class_with_too_few_rows_is_in_every_set(coverage, needed):
    assert rows_needed(coverage) == needed
    rng = np.random.default_rng(4)
    proba = rng.dirichlet(np.ones(3), 2 * needed + 100)
    y = np.repeat([0, 1, 2], [needed, needed - 1, len(proba) - 2 * needed + 1])
    limits = set_limits_by_class(proba, y, coverage)
    assert np.isfinite(limits[[0, 2]]).all()
    assert limits[1] == np.inf
    assert prediction_sets(proba, limits)[:, 1].all()


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
