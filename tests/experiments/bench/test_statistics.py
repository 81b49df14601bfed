"""The bench of tests and intervals, small: what is known to be wrong is found, what is claimed holds."""

import numpy as np

from coverfusion.experiments.bench.guarantees import guarantees
from coverfusion.experiments.bench.simulated_covers import PLANTED
from coverfusion.experiments.bench.statistics import (
    adding_up,
    folds,
    folds_truth,
    genre_scores,
    settings,
    simulated,
    two_models,
)
from coverfusion.experiments.bench.unequal_genres import every_metric, planted_blocks


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


def test_sets_by_genre_hold_within_each_genre_and_marginal_ones_do_not() -> None:
    rows = simulated(guarantees(200, 5), "in groups", 40, [3])
    found = {row["claim"]: (row["found"], row["error"], row["wanted"]) for row in rows}
    for name in ["all", *(f"the genre of {proportion:g}" for proportion in PLANTED)]:
        held, error, wanted = found[f"sets by genre hold: {name}"]
        assert held >= 0.9 - 3.5 * error  # the least of many
        assert wanted == "at least 0.9"
    held, error, _ = found["marginal sets hold: all"]
    assert held >= 0.9 - 3.5 * error
    assert found["before: marginal sets hold: the genre of 0.02"][0] < 0.3
    slack = 3.5 * np.sqrt(0.1 * 0.9 / 40)
    for claim, (broken, *_) in found.items():
        if claim.startswith(("thresholds by genre break", "one threshold")):
            assert broken <= 0.1 + slack
        if claim.startswith("at least"):
            assert broken >= 0.95 - 3.5 * np.sqrt(0.05 * 0.95 / 40)


def test_noise_does_no_harm_under_a_balanced_prior_and_what_tells_most_is_found() -> None:
    rows = {row["claim"]: row["found"] for row in simulated(planted_blocks("balanced"), "unequal", 12, [3])}
    assert len(rows) == 15  # three blocks, five metrics
    for claim, found in rows.items():
        if "noise" in claim:
            assert found <= 3 / 12, claim
        if "strong" in claim:
            assert found >= 10 / 12, claim


def test_every_setting_runs() -> None:
    for simulate in settings(2).values():
        assert simulate(np.random.default_rng(0))


def test_what_is_never_found_has_a_standard_error_too() -> None:
    never = simulated(lambda rng: {"rejects: nothing": False, "at least: all": True}, "20 samples", 20, [0])
    # one of 22 against: sqrt(1/22 * 21/22 / 20)
    assert [row["found"] for row in never] == [0.0, 1.0]
    assert all(np.isclose(float(row["error"]), 0.0466, atol=1e-4) for row in never)
    assert simulated(lambda rng: {"too good, points: half": 0.5}, "20", 20, [0])[0]["error"] == 0.0


def test_intervals_of_each_metric_hold_where_a_genre_has_six_groups() -> None:
    rows = {row["claim"]: row["found"] for row in simulated(every_metric(60, 5, 2), "unequal", 60, [4])}
    held = [found for claim, found in rows.items() if claim.startswith("interval")]
    assert len(held) == 5
    assert min(held) >= 0.95 - 2.5 * np.sqrt(0.05 * 0.95 / 60)
