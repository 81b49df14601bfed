"""Each metric as scikit-learn has it, exact and resampled."""

import numpy as np
import pytest
from sklearn import metrics as sk

from coverfusion.data.errors import UserError
from coverfusion.experiments.evaluation.chosen_metric import (
    METRICS,
    cover_losses,
    metric_interval,
    metric_of,
    metric_value,
)


def predicted(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet([4, 1, 1], n)
    truth = np.array([rng.choice(3, p=row) for row in proba])
    return truth, proba.argmax(axis=1), proba


def reference(name: str, truth: np.ndarray, codes: np.ndarray, proba: np.ndarray) -> float:
    if name == "macro_f1":
        return float(sk.f1_score(truth, codes, average="macro"))
    if name == "log_loss":
        return float(sk.log_loss(truth, proba))
    if name == "brier":
        return float(sk.brier_score_loss(truth, proba, scale_by_half=False))
    return float(
        {"accuracy": sk.accuracy_score, "balanced_accuracy": sk.balanced_accuracy_score}[name](truth, codes)
    )


@pytest.mark.parametrize("name", METRICS)
def test_values_are_scikit_learns(name: str) -> None:
    truth, codes, proba = predicted()
    assert metric_value(METRICS[name], truth, codes, proba) == pytest.approx(
        reference(name, truth, codes, proba)
    )


@pytest.mark.parametrize("name", METRICS)
def test_weights_count_as_copies(name: str) -> None:
    truth, codes, proba = predicted()
    counts = np.random.default_rng(1).integers(0, 3, len(truth))
    rows = np.repeat(np.arange(len(truth)), counts)
    sums = METRICS[name].sums(truth, codes, cover_losses(truth, proba), 3)
    found = METRICS[name].value(counts[None].astype(float) @ sums)[0]
    assert found == pytest.approx(reference(name, truth[rows], codes[rows], proba[rows]))


def test_more_is_better_of_what_better_gives() -> None:
    truth, _, proba = predicted()
    for metric in METRICS.values():
        good, bad = (
            metric.better(metric_value(metric, truth, said.argmax(axis=1), said))
            for said in (0.2 * proba + 0.8 * np.eye(3)[truth], 1 - np.eye(3)[truth])
        )
        assert good > bad


def test_a_loss_may_be_more_than_1() -> None:
    draws = np.random.default_rng(0).normal(1.5, 0.1, 2000)
    low, high = metric_interval(METRICS["log_loss"], 1.5, draws, 100)
    assert (low, high) == pytest.approx((1.3, 1.7), abs=0.03)
    assert metric_interval(METRICS["accuracy"], 0.98, draws - 0.52, 100)[1] < 1.0


def test_gains_are_said_in_points_or_as_they_are() -> None:
    assert METRICS["macro_f1"].in_words(-0.0123) == "\u22121.2"
    assert METRICS["macro_f1"].in_words(-0.0004) == "0.0"
    assert METRICS["log_loss"].in_words(0.0123) == "+0.012"
    assert METRICS["accuracy"].of(0.571, "validation covers") == "57.1 % of validation covers right"
    assert METRICS["brier"].of(0.571, "validation covers") == "Brier score 0.571 on validation covers"
    with pytest.raises(UserError, match=r"--metric acuracy: .*Did you mean 'accuracy'"):
        metric_of("acuracy")


def test_an_interval_of_a_loss_is_a_factor_up_and_down_around_the_value() -> None:
    draws = np.random.default_rng(0).normal(0.4, 0.04, 2000)
    low, high = metric_interval(METRICS["brier"], 0.4, draws, 10_000)
    assert low * high == pytest.approx(0.4**2)
    assert high / 0.4 == pytest.approx(np.exp(1.96 * 0.1), rel=0.01)
    few = metric_interval(METRICS["brier"], 0.4, draws, 5)
    assert few[0] < low < high < few[1]


def test_a_loss_of_nothing_has_no_room_and_no_error() -> None:
    assert metric_interval(METRICS["brier"], 0.0, np.zeros(100), 20) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["balanced_accuracy", "macro_f1"])
def test_a_mean_over_genres_rests_on_the_groups_of_the_smallest(name: str) -> None:
    truth = np.repeat([0, 1], [90, 4])
    sums = METRICS[name].sums(truth, truth, np.zeros((94, 2)), 3)
    # 1 / 90 and 1 / 4, known from 89 and 3 groups: (1/90 + 1/4)^2 / (1 / (90^2 89) + 1 / (4^2 3)) = 3.27
    assert METRICS[name].groups(sums, np.arange(94)) == pytest.approx(4.27, abs=0.01)
    assert METRICS["accuracy"].groups(sums[:, :2], np.arange(94)) == 94
    of_three = METRICS[name].sums(np.tile([0, 1, 2], 20), np.zeros(60, int), np.zeros((60, 2)), 3)
    assert METRICS[name].groups(of_three, np.arange(60)) == pytest.approx(58)  # 57 degrees of freedom
