"""Two or more models compared by each metric, on covers in groups that are made up."""

from collections.abc import Sequence

import numpy as np
import pytest

from coverfusion.experiments.evaluation.best_of_many import corrected_metric, metric_differences
from coverfusion.experiments.evaluation.chosen_metric import METRICS, cover_losses
from coverfusion.experiments.evaluation.compared import compared_by_folds, compared_by_groups
from coverfusion.experiments.evaluation.statistics import corrected_t_test

GENRES, SHARES = 3, [0.6, 0.25, 0.15]


def sums_of(
    name: str, strengths: list[float], groups: int, size: int, seed: int, shares: Sequence[float] = SHARES
) -> tuple[np.ndarray, ...]:
    """(n, m, s) sums of m models, a larger strength tells the genre better; and (n,) groups."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), size)
    truth = rng.choice(GENRES, groups, p=shares)[of]
    sums = []
    for strength in strengths:
        logits = strength * np.eye(GENRES)[truth] + rng.normal(size=(groups, GENRES))[of]
        logits += 0.5 * rng.normal(size=(len(of), GENRES))
        proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        sums.append(METRICS[name].sums(truth, proba.argmax(axis=1), cover_losses(truth, proba), GENRES))
    return np.stack(sums, axis=1), of


@pytest.mark.parametrize("name", METRICS)
def test_the_better_model_is_found_in_every_metric(name: str) -> None:
    sums, groups = sums_of(name, [2.5, 0.5], 80, 2, 0)
    better, method = compared_by_groups(METRICS[name], (sums[:, 0], sums[:, 1]), groups, 0)
    worse, _ = compared_by_groups(METRICS[name], (sums[:, 1], sums[:, 0]), groups, 0)
    assert method == ("bootstrap" if name in ("balanced_accuracy", "macro_f1") else "groups")
    assert 0 < better.low < better.difference < better.high
    assert better.p < 0.01
    assert worse.difference == pytest.approx(-better.difference)
    assert worse.high < 0


@pytest.mark.parametrize("name", METRICS)
def test_the_same_model_is_not_better_than_itself(name: str) -> None:
    sums, groups = sums_of(name, [1.0], 30, 2, 0)
    found, _ = compared_by_groups(METRICS[name], (sums[:, 0], sums[:, 0]), groups, 0)
    assert (found.difference, found.p) == (0, 1)
    assert found.low <= 0 <= found.high


@pytest.mark.parametrize("name", METRICS)
def test_only_proportions_have_a_region_that_does_not_matter_unless_one_is_given(name: str) -> None:
    sums, groups = sums_of(name, [1.0, 1.0], 30, 2, 0)
    pair, metric = (sums[:, 0], sums[:, 1]), METRICS[name]
    left_out, _ = compared_by_groups(metric, pair, groups, 0)
    given, _ = compared_by_groups(metric, pair, groups, 0, rope=0.1)
    assert np.isnan(left_out.practical.equal) == (not metric.percent)
    assert 0 < given.practical.equal <= 1
    by_fold = compared_by_folds(metric, (np.array([0.4, 0.5]), np.array([0.3, 0.5])), 0.5, 20)
    assert np.isnan(by_fold.practical.equal) == (not metric.percent)


def test_folds_that_lose_less_are_better() -> None:
    values = (np.array([0.9, 1.0, 0.8]), np.array([1.1, 1.3, 1.2]))
    found = compared_by_folds(METRICS["log_loss"], values, 0.5, 20)
    test = corrected_t_test(np.array([0.2, 0.3, 0.4]), 0.5, 20)
    assert (found.difference, found.low, found.p) == pytest.approx((test.difference, test.low, test.p))


@pytest.mark.parametrize("name", ["balanced_accuracy", "log_loss"])
def test_pooled_folds_are_judged_more_carefully(name: str) -> None:
    sums, groups = sums_of(name, [1.5, 1.0], 60, 1, 0)
    plain, wider = (
        compared_by_groups(METRICS[name], (sums[:, 0], sums[:, 1]), groups, 0, width)[0]
        for width in (1.0, 1.5)
    )
    assert wider.p > plain.p
    assert wider.high - wider.low == pytest.approx(1.5 * (plain.high - plain.low), rel=0.01)


@pytest.mark.parametrize("name", METRICS)
def test_differences_of_many_models_are_those_of_the_metric(name: str) -> None:
    metric = METRICS[name]
    sums, groups = sums_of(name, [3.0, 1.0, 1.0], 60, 2, 1)
    values = metric.better(metric.value(sums.sum(axis=0)))
    found = metric_differences(metric, sums, groups, 0)
    assert found.interval(0, 2).value == pytest.approx(values[0] - values[2])
    assert found.interval(0, 2).low > 0
    near = found.interval(1, 2)
    assert near.low < 0 < near.high
    assert found.interval(2, 1).low == pytest.approx(-near.high)


@pytest.mark.parametrize("name", METRICS)
def test_the_best_of_equal_models_is_no_better_after_its_choice_is_corrected(name: str) -> None:
    metric = METRICS[name]
    sums, groups = sums_of(name, [1.0] * 8, 40, 1, 2)
    found = corrected_metric(metric, sums, groups, 0)
    best = metric.better(metric.value(sums.sum(axis=0))).max()
    assert metric.better(found.value) < best
    assert found.low < found.value < found.high
    alone = corrected_metric(metric, sums[:, :1], groups, 0)
    assert alone.value == pytest.approx(
        float(metric.value(sums[:, 0].sum(axis=0, keepdims=True))[0]), abs=0.02
    )


def test_the_figure_may_be_of_another_metric_than_the_choice() -> None:
    accuracy, groups = sums_of("accuracy", [1.0, 2.0], 60, 1, 3)
    losses, _ = sums_of("log_loss", [1.0, 2.0], 60, 1, 3)
    by = (METRICS["log_loss"], -losses * [1, -1])  # turned round, so that the worse model is chosen
    found = corrected_metric(METRICS["accuracy"], accuracy, groups, 0, chosen_by=by)
    assert found.value == pytest.approx(accuracy[:, 0, 0].mean(), abs=0.03)


CHOICE = np.zeros((6, 6), dtype=bool)
CHOICE[:3, :3] = ~np.eye(3, dtype=bool)


def test_of_equal_models_beside_others_none_is_surely_worse() -> None:
    """Three models to choose from beside three that are no choice: only pairs of the former count."""
    wrongly, samples = 0, 100
    for n in range(samples):
        sums, groups = sums_of("accuracy", [1.2] * 6, 60, 2, 9000 + n)
        many = metric_differences(METRICS["accuracy"], sums, groups, n, pairs=CHOICE)
        wrongly += bool((np.abs(many.differences) > many.reach)[CHOICE].any())
    assert wrongly / samples <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / samples)


@pytest.mark.parametrize("name", METRICS)
def test_fewer_pairs_have_shorter_intervals_and_others_none(name: str) -> None:
    sums, groups = sums_of(name, [1.2] * 6, 60, 2, 4)
    some, every = (metric_differences(METRICS[name], sums, groups, 0, pairs=p) for p in (CHOICE, None))
    assert (some.reach < every.reach)[CHOICE].all()
    assert np.isinf(some.reach[0, 3:]).all()
    assert not some.reach.diagonal().any()


@pytest.mark.parametrize("name", ["balanced_accuracy", "macro_f1"])
def test_equal_models_are_told_apart_no_oftener_where_a_genre_has_few_groups(name: str) -> None:
    """Genres of 48, 6 and 6 groups of 5 covers: with all 60 groups counted it was 10 to 17 %."""
    apart, worse, samples = 0, 0, 80
    for n in range(samples):
        sums, groups = sums_of(name, [1.2] * 5, 60, 5, 1000 + n, [0.8, 0.1, 0.1])
        found, _ = compared_by_groups(METRICS[name], (sums[:, 0], sums[:, 1]), groups, n)
        apart += found.p < 0.05
        many = metric_differences(METRICS[name], sums, groups, n)
        best = int(METRICS[name].value(sums.sum(axis=0)).argmax())
        worse += any(many.interval(other, best).high < 0 for other in range(5))
    most = 0.05 + 2 * np.sqrt(0.05 * 0.95 / samples)
    assert apart / samples <= most
    assert worse / samples <= most


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_models_that_agree_everywhere_may_still_differ(name: str) -> None:
    sums, groups = sums_of(name, [1.0], 30, 1, 0)
    twice, metric = np.repeat(sums, 2, axis=1), METRICS[name]
    found, _ = compared_by_groups(metric, (sums[:, 0], sums[:, 0]), groups, 0)
    together = metric_differences(metric, twice, groups, 0).interval(0, 1)
    assert found.high == -found.low > 0.05
    assert together.high == -together.low > 0.05
    assert found.practical.equal < 0.9
