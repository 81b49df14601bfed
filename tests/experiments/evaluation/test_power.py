"""Power: what is printed is what simulated studies have, and its parts agree with each other."""

import numpy as np
import pytest
from scipy import stats

from coverfusion.experiments.bench.planned_power import planned, planned_truth
from coverfusion.experiments.evaluation.power import (
    LUCK,
    Design,
    Spread,
    covers_needed,
    detectable,
    power,
    spread_between,
    spread_of_folds,
    spread_of_proportion,
)
from coverfusion.experiments.evaluation.statistics import corrected_t_test, group_weights

KEPT = 0.6


def studies(
    rng: np.random.Generator, design: Design, size: int, difference: float
) -> tuple[np.ndarray, Spread]:
    """(repeats, n) differences of covers in groups that are all alike, and what they vary by."""
    count, groups = int(design.covers), int(design.covers) // size
    group = np.arange(count) // size
    kept = rng.normal(size=groups)[group]
    new = rng.normal(size=(design.repeats, groups))[:, group]
    values = difference + np.sqrt(KEPT) * kept + np.sqrt(1 - KEPT) * new
    spread = Spread(float(size), KEPT)  # groups whose covers are all alike
    repeated = KEPT + (1 - KEPT) / design.repeats
    return values + rng.normal() * np.sqrt((LUCK - 1) * size / count * repeated), spread


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize(("folds", "repeats"), [(5, 1), (5, 3), (10, 2)])
def test_the_power_that_is_printed_is_the_power_that_is_had(size: int, folds: int, repeats: int) -> None:
    rng, design = np.random.default_rng([size, folds, repeats]), Design(300, folds, repeats)
    true = detectable(studies(rng, design, size, 0.0)[1], design)
    found = []
    for _ in range(400):
        values, spread = studies(rng, design, size, true)
        groups = 300 // size
        by_fold = []
        for repeat in range(repeats):
            fold = (rng.permutation(groups) % folds)[np.arange(300) // size]
            by_fold += [values[repeat, fold == number].mean() for number in range(folds)]
        found.append(corrected_t_test(np.array(by_fold), 1 / (folds - 1), 300 / folds).p < 0.05)
    assert power(spread, design, true) == pytest.approx(0.8, abs=1e-6)
    # 60 groups leave a few points more; two standard errors of 400 studies are 4 points
    assert np.mean(found) == pytest.approx(0.8, abs=0.055)


@pytest.mark.parametrize("weaker", [0.0, 0.1])
def test_with_few_groups_more_is_found_than_is_said_but_little_more(weaker: float) -> None:
    true = planned_truth(60, 5, weaker, 1, 150)
    simulate = planned(60, 5, weaker, 1, true)
    found = [simulate(np.random.default_rng([8, n]))["power, printed less had"] for n in range(300)]
    # one standard error of 300 studies is 2.6 points
    assert -0.11 < np.mean(found) < 0.03


def test_one_fold_deviation_gives_nearly_the_noncentral_t() -> None:
    # where the mean varies as the corrected test takes it, its power is that of a noncentral t
    design = Design(1000, 5)
    spread = spread_of_folds(0.03, design)
    error = 0.03 * np.sqrt(1 / 5 + 1 / 4)
    cut = stats.t(df=4).ppf(0.975)
    plain = stats.nct(df=4, nc=0.12 / error).sf(cut)
    assert power(spread, design, 0.12) == pytest.approx(plain, abs=0.08)
    assert power(spread, design, 0.0) < 0.05  # the test is a careful one


def test_sizes_and_covers_agree() -> None:
    spread, design = Spread(0.2, 0.75), Design(2000, 5, 2)
    shown = detectable(spread, design)
    assert covers_needed(spread, design, shown) == 2000
    needed = covers_needed(spread, design, shown / 2)
    assert needed == pytest.approx(8000, abs=2)
    assert power(spread, Design(needed, 5, 2), shown / 2) == pytest.approx(0.8, abs=1e-3)
    assert detectable(spread, design, level=0.01) > shown
    assert detectable(spread, Design(2000, 5, 4)) < shown < detectable(spread, Design(2000, 5, 1))


def test_groups_cost_what_their_covers_have_in_common() -> None:
    assert spread_of_proportion(0.2).per_cover == pytest.approx(0.2)
    assert spread_of_proportion(0.2, group_size=5, alike=1.0).per_cover == pytest.approx(1.0)


@pytest.mark.parametrize("size", [1, 4])
def test_a_pilot_shows_what_covers_vary_by(size: int) -> None:
    rng = np.random.default_rng(size)
    values, spread = studies(rng, Design(6000, 5, 3), size, 0.05)
    weights = group_weights(np.arange(6000) // size, 0, 1000)
    resampled = values @ weights.T / weights.sum(axis=1)
    found = spread_between(resampled, np.zeros_like(resampled), 6000, 6000 // size, 0.5)
    assert found.per_cover == pytest.approx(spread.per_cover, rel=0.12)
    assert found.kept == pytest.approx(KEPT, abs=0.08)
    assert spread_between(resampled[:1], np.zeros((1, 1000)), 6000, 6000, 0.5).kept == 0.5


def test_models_that_never_differed_may_differ_yet() -> None:
    found = spread_between(np.zeros((1, 50)), np.zeros((1, 50)), 98, 98, 0.5)
    assert found.per_cover == pytest.approx(0.01)
