"""The bench of tests and intervals, small: what is known to be wrong is found, what is claimed holds."""

import numpy as np

from coverfusion.experiments.bench.statistics import (
    adding_up,
    folds,
    folds_truth,
    genre_scores,
    settings,
    simulated,
    two_models,
)


def test_each_number_has_its_standard_error_and_mcnemar_is_caught() -> None:
    rows = {row["claim"]: row for row in simulated(two_models(30, 10, (0.5, 0.5)), "groups of 10", 150, [0])}
    assert rows["before: McNemar"]["found"] > 0.15
    flips = rows["rejects: sign-flips over groups"]
    assert flips["found"] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)
    assert flips["wanted"] == "at most 0.065"
    p = rows["before: McNemar"]["found"]
    assert np.isclose(rows["before: McNemar"]["error"], np.sqrt(p * (1 - p) / 149))


def test_over_folds_intervals_hold_and_the_test_keeps_its_level() -> None:
    truth = folds_truth(60, 2, 150)
    rows = {row["claim"]: row["found"] for row in simulated(folds(60, 2, truth), "folds", 150, [1])}
    slack = 2 * np.sqrt(0.05 * 0.95 / 150)
    assert rows["rejects: corrected t"] <= 0.05 + slack
    assert all(held >= 0.95 - slack for name, held in rows.items() if name.startswith("interval"))
    assert {"interval: Shapley value, corrected t", "interval: interaction, corrected t"} <= set(rows)
    assert rows["at least: accuracy, pooled folds"] >= 0.95 - slack


def test_blocks_that_add_up_seldom_seem_to_interact() -> None:
    for groups, size in ((200, 1), (60, 5)):
        rows = {row["claim"]: row["found"] for row in simulated(adding_up(groups, size), "folds", 150, [3])}
        assert rows["rejects: no interaction, corrected t"] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)


def test_scores_of_a_genre_of_six_covers_hold() -> None:
    rows = simulated(genre_scores(60), "60", 60, [2])
    assert all(row["found"] >= 0.9 for row in rows)


def test_every_setting_runs() -> None:
    for simulate in settings(2).values():
        assert simulate(np.random.default_rng(0))
