import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.fusion.grouped_folds import inner_folds
from coverfusion.fusion.uncertainty.calibration import (
    CALIBRATION_KINDS,
    Calibration,
    choose_calibration,
    cross_calibrated,
    fit_calibration,
    inverse_temperature,
    log_loss,
)


def test_factor_of_two_certain_scores_with_one_mistake_in_four():
    # all four rows score (0, 3); the second class is right in three: softmax(3 b) is 3/4 for b = ln 3 / 3
    scores = np.tile([0.0, 3.0], (4, 1))
    assert inverse_temperature(scores, np.array([1, 1, 1, 0])) == pytest.approx(np.log(3) / 3, rel=1e-4)


def test_weights_count_as_copies():
    scores = np.tile([0.0, 3.0], (2, 1))
    found = inverse_temperature(scores, np.array([1, 0]), np.array([3.0, 1.0]))
    assert found == pytest.approx(np.log(3) / 3, rel=1e-4)


def overconfident(n, seed=0, factor=3.0):
    """Probabilities that are three times too sure on the log scale, and true codes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 4))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (true.cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1)
    said = np.exp(factor * logits)
    return said / said.sum(axis=1, keepdims=True), y


def test_temperature_finds_how_much_too_sure_a_model_is():
    fitted = fit_calibration("temperature", *overconfident(5000))
    assert fitted.factor == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize("kind", ["temperature", "isotonic", "vector"])
def test_a_few_right_answers_make_nothing_certain(kind):
    proba = np.tile([[0.1, 0.9]], (8, 1))
    fitted = fit_calibration(kind, proba, np.ones(8, int))
    np.testing.assert_allclose(fitted(proba[:1]), [[0.1, 0.9]], atol=2e-3)  # (8 + 1) / (8 + 2)


def test_isotonic_by_hand():
    # right in 13 of 18 rows; with one row more for each class, 14 of 20; a hundredth of the old one stays
    proba = np.tile([[0.2, 0.8]], (18, 1))
    fitted = fit_calibration("isotonic", proba, np.repeat([1, 0], [13, 5]))
    np.testing.assert_allclose(fitted(proba[:1]), [[0.299, 0.701]], atol=1e-6)


@pytest.mark.parametrize("kind", ["temperature", "isotonic", "vector"])
def test_calibrating_helps_on_new_rows(kind):
    fitted = fit_calibration(kind, *overconfident(1000))
    proba, y = overconfident(2000, seed=1)
    assert log_loss(fitted(proba), y) < log_loss(proba, y) - 0.2
    np.testing.assert_allclose(fitted(proba).sum(axis=1), 1)


@given(st.integers(0, 1000), st.sampled_from(CALIBRATION_KINDS))
def test_the_order_within_a_row_stays_where_it_is_said_to(seed, kind):
    fitted = fit_calibration(kind, *overconfident(60, seed))
    assert fitted.keeps_order == (kind != "vector")
    if not fitted.keeps_order:
        return
    proba = overconfident(40, seed + 1)[0]
    np.testing.assert_array_equal(np.argsort(fitted(proba), axis=1), np.argsort(proba, axis=1))


def test_the_kind_that_helps_new_rows_is_chosen():
    proba, y = overconfident(1000)
    assert choose_calibration(proba, y, np.arange(1000)).kind == "temperature"
    assert choose_calibration(proba[:4], y[:4], np.zeros(4)) == Calibration()


def test_a_gain_that_may_be_chance_changes_nothing():
    least, chosen = [], []
    for seed in range(40):
        proba, y = overconfident(150, seed, factor=1.0)  # right as they are
        folds = inner_folds(y, np.arange(150), seed=0)
        losses = {kind: log_loss(cross_calibrated(kind, proba, y, folds), y) for kind in CALIBRATION_KINDS}
        least.append(min(CALIBRATION_KINDS, key=lambda kind, of=losses: of[kind]))
        chosen.append(choose_calibration(proba, y, np.arange(150)).kind)
    assert least.count("none") < 30  # by chance some kind often looks better
    assert chosen.count("none") >= 34


def test_no_row_is_calibrated_by_itself():
    proba, y = overconfident(200)
    first, second = np.arange(0, 200, 2), np.arange(1, 200, 2)
    found = cross_calibrated("isotonic", proba, y, [(first, second), (second, first)])
    for own, other in ((first, second), (second, first)):
        expected = fit_calibration("isotonic", proba[other], y[other])(proba[own])
        np.testing.assert_allclose(found[own], expected)


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="none, temperature, isotonic"):
        fit_calibration("platt", np.ones((2, 2)) / 2, np.array([0, 1]))


def under_another_prior(n, seed=0):
    """Probabilities that take three classes as equally common, of rows of which eight in ten are of one."""
    rng = np.random.default_rng(seed)
    shares = np.array([0.8, 0.1, 0.1])
    y = rng.choice(3, n, p=shares)
    likelihood = np.exp(1.5 * (np.eye(3)[y] + rng.normal(size=(n, 3)) / 1.5))
    return likelihood / likelihood.sum(axis=1, keepdims=True), y


def test_vector_scaling_mends_a_wrong_prior_where_temperature_cannot():
    proba, y = under_another_prior(600)
    new, truth = under_another_prior(4000, seed=1)
    chosen = choose_calibration(proba, y, np.arange(600))
    assert chosen.kind == "vector"
    losses = {kind: log_loss(fit_calibration(kind, proba, y)(new), truth) for kind in CALIBRATION_KINDS}
    assert losses["vector"] < min(losses["temperature"], losses["isotonic"]) - 0.1
    np.testing.assert_allclose(chosen(new).mean(axis=0), [0.8, 0.1, 0.1], atol=0.03)
    assert (chosen(new).argmax(axis=1) == truth).mean() > (new.argmax(axis=1) == truth).mean() + 0.05


def test_weights_that_make_classes_as_common_keep_probabilities_under_that_prior():
    proba, y = under_another_prior(600)
    weight = 1 / np.bincount(y)[y]
    right = proba**2 / (proba**2).sum(axis=1, keepdims=True)  # too sure, but under the prior that is asked
    chosen = choose_calibration(right, y, np.arange(600), weight=weight)
    new, truth = under_another_prior(4000, seed=1)
    said = chosen(new**2 / (new**2).sum(axis=1, keepdims=True))
    means = [np.average(said[:, k], weights=1 / np.bincount(truth)[truth]) for k in range(3)]
    np.testing.assert_allclose(means, 1 / 3, atol=0.03)


@pytest.mark.parametrize("kind", ["temperature", "isotonic", "vector"])
def test_equal_weights_change_nothing(kind):
    proba, y = overconfident(200)
    first, second = (fit_calibration(kind, proba, y, weight)(proba) for weight in (None, np.full(200, 3.0)))
    np.testing.assert_allclose(first, second, atol=1e-12)
