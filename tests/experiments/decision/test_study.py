"""The decision study of a run, on small drawn collections."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.bench.simulated_covers import PLANTED, planted_genres
from coverfusion.experiments.decision.findings import (
    decision_findings,
)
from coverfusion.experiments.decision.held_out import HeldOut, held_out_parts, read_held_out
from coverfusion.experiments.decision.shown import (
    shown_tables,
)
from coverfusion.experiments.decision.study import decide
from coverfusion.experiments.decision.tables import (
    SET_GUARANTEES,
    SET_SPLITS,
    abstention_table,
    answered_covers,
    answered_row,
    calibration_table,
    models_table,
    predicted_table,
    sets_by_genre_table,
    sets_table,
)
from coverfusion.experiments.evaluation.statistics import group_weights
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.fusion.uncertainty.conformal import METHODS
from coverfusion.fusion.uncertainty.decision import KINDS
from tests.helpers.decided_runs import deciding


def test_the_folder_is_complete(study: Path, runs: dict[str, Path]) -> None:
    assert study == runs["folds"] / "decisions"
    assert {file.name for file in study.glob("[!.]*")} == {
        "models.csv",
        "calibration.csv",
        "reliability.csv",
        "risk_coverage.csv",
        "abstention.csv",
        "genres.csv",
        "predicted.csv",
        "sets.csv",
        "sets_by_genre.csv",
        "findings.txt",
        "environment.json",
        "index.html",
        "figures",
    }
    assert {file.name for file in (study / "figures").iterdir()} == {
        "wrong-against-coverage.svg",
        "before-calibration.svg",
        "after-calibration.svg",
        "sets-that-hold-the-true-genre.svg",
        "genres-in-a-set.svg",
        "sets-that-hold-the-genres-covers.svg",
        "wrong-among-covers-predicted-as-the-genre.svg",
    }


def test_answering_all_is_the_error_on_covers_that_did_not_choose(study: Path, runs: dict[str, Path]) -> None:
    frame = deciding(runs["folds"])
    wrong = (frame["predicted"] != frame["genre"]).groupby(frame["classifier"]).mean()
    models = pd.read_csv(study / "models.csv").set_index("classifier")
    np.testing.assert_allclose(models["error_of_all"], wrong[models.index])
    assert (models["error_of_all_low"] < models["error_of_all"]).all()
    assert (models["error_of_all"] < models["error_of_all_high"]).all()
    chosen = json.loads((runs["folds"] / "metrics.json").read_text())["chosen"]["classifier"]
    curve = pd.read_csv(study / "risk_coverage.csv")
    assert curve["error"].iloc[-1] == pytest.approx(models.loc[chosen, "error_of_all"])
    assert (curve["low"] <= curve["error"] + 1e-9).all()
    assert (curve["error"] <= curve["high"] + 1e-9).all()
    assert (curve["perfect_order"] <= curve["error"] + 1e-9).all()


def test_intervals_of_pooled_folds_are_as_wide_as_the_report_s(runs: dict[str, Path]) -> None:
    for name, wider in (("split", 1.0), ("folds", np.sqrt(2.5))):
        run = read_run(runs[name])
        held = read_held_out(run, run.chosen, held_out_parts(run, seed=0))
        assert held.wider == pytest.approx(wider)
    weights = group_weights(held.groups[held.tried], 0)
    error = answered_row(held, weights, np.ones(len(held.tried), bool))
    plain = answered_row(replace(held, wider=1.0), weights, np.ones(len(held.tried), bool))
    assert error["error_high"] - error["error_low"] > 1.3 * (plain["error_high"] - plain["error_low"])


def test_abstaining_lowers_the_error_and_genres_add_up(study: Path) -> None:
    table = pd.read_csv(study / "abstention.csv")
    models = pd.read_csv(study / "models.csv")
    plain = table.query("target == 'error' and rule == 'plain' and wished == 0.2").iloc[0]
    guaranteed = table.query("target == 'error' and rule == 'guaranteed' and wished == 0.2").iloc[0]
    assert guaranteed["answered"] <= plain["answered"]
    assert plain["error"] <= models["error_of_all"].min() + 1e-9
    genres = pd.read_csv(study / "genres.csv")
    for rule, row in (("guaranteed", guaranteed), ("plain", plain)):
        own = genres[genres["rule"] == rule]
        assert own["answered"].sum() == row["answered"]
        assert own["covers"].sum() == pytest.approx(90, rel=0.1)  # the others chose the model


def test_the_change_of_the_log_loss_is_paired_by_groups() -> None:
    rng = np.random.default_rng(0)
    y, groups = rng.integers(0, 2, 200), np.arange(200) // 2
    sure = np.where(np.eye(2)[y] == 1, 0.8, 0.2)
    calibrated = {"none": sure, "better": np.where(np.eye(2)[y] == 1, 0.9, 0.1)}
    table = calibration_table(y, groups, calibrated, 1.5).set_index("kind")
    assert table.loc["better", "log_loss"] == pytest.approx(-np.log(0.9))
    row = table.loc["better"]
    assert row["lower"] == pytest.approx(np.log(0.9 / 0.8))
    assert 0 < row["lower_low"] < row["lower"] < row["lower_high"]
    assert table.loc["none", "lower"] == 0
    assert table.loc["better", "ece"] == pytest.approx(0.1)  # all are right at 90 %
    assert 0 < table.loc["better", "ece_chance"] < 0.05


def test_covers_that_chose_the_model_are_told_apart(study: Path, runs: dict[str, Path]) -> None:
    run = read_run(runs["folds"])
    counted = run.predictions(run.chosen)
    models = pd.read_csv(study / "models.csv").set_index("classifier")
    row, tried = models.loc[run.chosen.classifier], deciding(runs["folds"])
    tried = tried[tried["classifier"] == run.chosen.classifier]
    assert row["choosing"] == len(counted) - len(tried)
    # both parts together are what the report counts
    wrong = row["choosing"] * row["error_choosing"] + len(tried) * row["error_of_all"]
    assert wrong == pytest.approx((counted["predicted"] != counted["genre"]).sum())
    said = (study / "findings.txt").read_text().splitlines()[1]
    assert f"the other {row['choosing']:.0f} covers too, which chose the model" in said
    split = models_table(read_run(runs["split"]), held_out_parts(read_run(runs["split"]), 0), 0.2, 0)
    assert not split["choosing"].any()  # a report of a split counts test covers alone


def test_sets_are_tried_on_every_split(study: Path) -> None:
    sets = pd.read_csv(study / "sets.csv")
    assert len(sets) == SET_SPLITS * len(METHODS) * len(KINDS) * len(SET_GUARANTEES)
    mean = sets[sets["method"] == "lac"].groupby(["sets", "guarantee"])["coverage"].mean()
    np.testing.assert_allclose(mean["marginal"], SET_GUARANTEES, atol=0.05)
    assert (mean["by-genre"] >= np.array(SET_GUARANTEES) - 0.03).all()  # over all covers too


def _planted(covers: int) -> HeldOut:
    """Predictions of covers of five genres, one in fifty the rarest; the first half teaches the second."""
    rng = np.random.default_rng(0)
    proba, y, groups = planted_genres(rng, rng.choice(len(PLANTED), covers, p=PLANTED))
    halves = [(np.arange(covers // 2), np.arange(covers // 2, covers))]
    return HeldOut(list("abcde"), proba, y, groups, halves)


def test_coverage_is_told_by_genre_with_intervals() -> None:
    table = sets_by_genre_table(_planted(4000)).set_index(["sets", "guarantee", "genre"])
    marginal, own = (table.loc[kind, 0.9] for kind in ("marginal", "by-genre"))
    np.testing.assert_allclose(marginal["coverage"], [0.99, 0.94, 0.76, 0.43, 0.16], atol=0.17)
    error = np.sqrt(0.9 * 0.1 * (1 / own["learnt"] + 1 / own["covers"]))
    assert (abs(own["coverage"] - 0.9) <= 3 * error + 1 / own["learnt"]).all()
    assert (own["coverage_low"] < own["coverage"]).all()
    assert (own["coverage"] < own["coverage_high"]).all()
    assert marginal["coverage_high"]["e"] < 0.5
    assert own["named"]["e"] > marginal["named"]["e"]  # what it costs


def test_genres_with_too_few_covers_are_in_every_set_and_that_is_said(study: Path) -> None:
    held = _planted(400)
    table = sets_by_genre_table(held)
    rare = table.query("sets == 'by-genre' and guarantee == 0.9 and genre == 'e'").iloc[0]
    assert rare["learnt"] == (held.y[:200] == 4).sum() < 9
    assert rare["coverage"] == rare["named"] == 1
    tables = {file.stem: pd.read_csv(file) for file in study.glob("*.csv")}
    classifier = tables["models"]["classifier"][0]
    sentences = decision_findings(classifier, tables | {"sets_by_genre": table}, 0.2)
    (said,) = [line for line in sentences if line.startswith("  e, ") and "marginal" in line]
    few = tables["sets_by_genre"].assign(learnt=8)
    notes = [one.note for one in shown_tables(classifier, tables | {"sets_by_genre": few}, 0.2)]
    assert "fewer than 9 held-out covers to learn from is in every set" in notes[1]
    assert "least ambiguous classifier" in notes[2]
    assert f"every set holds it, as {rare['learnt']} covers to learn from are fewer than 9" in said


def test_predicted_genres_have_thresholds_of_their_own() -> None:
    held = _planted(4000)
    weights = group_weights(held.groups[held.tried], 0, 200)
    table = predicted_table(held, weights, 0.2).set_index(["thresholds", "genre"])
    assert table["covers"].groupby("thresholds").sum().eq(2000).all()
    own = table.loc["by-genre"]
    assert own["answered"]["a"] > 0
    assert (own["error_low"].dropna() <= 0.2).all()
    total = abstention_table(held, weights, [0.2]).query("wished == 0.2 and target == 'error'")
    answered = total.set_index("rule")["answered"]
    assert answered["guaranteed by genre"] == own["answered"].sum()
    assert answered["guaranteed"] == table.loc["marginal"]["answered"].sum()


def test_near_duplicates_never_learn_for_each_other(runs: dict[str, Path]) -> None:
    run = read_run(runs["folds"])
    held = read_held_out(run, run.chosen, held_out_parts(run, seed=0))
    assert sorted(held.tried) == list(range(len(held.y)))
    assert len(held.y) == pytest.approx(90, rel=0.1)
    for learnt, tried in held.parts:
        assert not set(held.groups[learnt]) & set(held.groups[tried])


def test_what_is_tried_says_nothing_to_its_own_threshold() -> None:
    # two parts: the first is always right, the second always wrong; each is judged by the other
    parts = [(np.arange(100, 200), np.arange(100)), (np.arange(100), np.arange(100, 200))]
    proba = np.tile([[0.9, 0.1]], (200, 1))
    held = HeldOut(["a", "b"], proba, np.repeat([0, 1], 100), np.arange(200), parts)
    answered = answered_covers(held, lambda _, wrong: np.inf if wrong.any() else -np.inf)
    assert answered.tolist() == [False] * 100 + [True] * 100


def test_sets_on_copies_of_covers_keep_the_copies_together() -> None:
    rng = np.random.default_rng(0)
    proba = np.repeat(rng.dirichlet(np.ones(3), 300), 4, axis=0)
    y = np.repeat(rng.integers(0, 3, 300), 4)
    table = sets_table(HeldOut(["a", "b", "c"], proba, y, np.arange(1200) // 4, []), seed=0)
    mean = table[table["method"] == "lac"].groupby(["sets", "guarantee"])["coverage"].mean()
    np.testing.assert_allclose(mean, 2 * SET_GUARANTEES, atol=0.03)


def test_of_a_split_validation_teaches_and_test_tries(runs: dict[str, Path], tmp_path: Path) -> None:
    run = read_run(runs["split"])
    splits = pd.read_parquet(runs["split"] / "splits.parquet").set_index("cover_id")["split"]
    held = read_held_out(run, run.chosen, held_out_parts(run, seed=0))
    [(learnt, tried)] = held.parts
    teaching = deciding(runs["split"])
    assert len(learnt) == teaching["cover_id"].nunique() < (splits == "validation").sum()
    assert len(tried) == (splits == "test").sum()
    place = decide(runs["split"], "knn", 0.3, tmp_path / "knn")
    text = (place / "findings.txt").read_text()
    assert text.splitlines()[1].startswith(f"knn, on {len(tried)} covers not used to choose the model")
    assert "target of 30 % error" in text


def test_runs_that_cannot_be_studied_say_why(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a finished run folder"):
        decide(tmp_path)
    with pytest.raises(UserError, match="has no classifier 'svc'; it has"):
        decide(runs["folds"], "svc")
    with pytest.raises(UserError, match=r"--target-error 1\.5"):
        decide(runs["folds"], target=1.5)
    with pytest.raises(UserError, match="nothing can be written in /proc"):
        decide(runs["folds"], out=Path("/proc/x"))
    old = tmp_path / "old"
    old.mkdir()
    for name in ("metrics.json", "leaderboard.csv", "config.yaml", "environment.json", "collection.json"):
        (old / name).write_bytes((runs["folds"] / name).read_bytes())
    frame = pd.read_parquet(runs["folds"] / "predictions.parquet")
    frame.drop(columns="group").to_parquet(old / "predictions.parquet")
    with pytest.raises(UserError, match="older version that kept no groups"):
        decide(old)
