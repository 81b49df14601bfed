"""The decision study of a run, on small drawn collections."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.bench.simulated_covers import PLANTED, planted_genres
from coverfusion.experiments.decision.charts import (
    BY_GENRE_HEADING,
    CALIBRATED,
    RULES,
    decision_charts,
    risk_coverage_chart,
)
from coverfusion.experiments.decision.findings import (
    SET_KINDS_TEXT,
    SET_METHODS_TEXT,
    calibration_words,
    decision_findings,
    verdict,
)
from coverfusion.experiments.decision.held_out import HeldOut, held_out_parts, read_held_out
from coverfusion.experiments.decision.shown import (
    guaranteed_targets,
    print_decision,
    read_tables,
    sets_in_vain,
    shown_tables,
    unkept_words,
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
from coverfusion.experiments.pipeline.console import console
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


def test_the_screen_and_the_page_have_the_same_tables(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 80)
    print_decision(study)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert len(printed.splitlines()) < 48
    page = html.unescape(re.sub(r"<[^>]*>", "", (study / "index.html").read_text()))
    tables = read_tables(study)
    classifier = json.loads((study / "environment.json").read_text())["classifier"]
    for table in shown_tables(classifier, tables, 0.2):
        assert table.title in printed
        for cells in table.rows.to_numpy():
            assert cells[0] in page
            assert all(cell in printed and cell in page for cell in cells[1:])
    rules = tables["abstention"]
    row = rules[(rules["target"] == "error") & (rules["wished"] == 0.2) & (rules["rule"] == "plain")].iloc[0]
    line = next(line for line in printed.splitlines() if line.startswith("one for all, no guarantee"))
    assert f" {100 * row['coverage']:.1f} (" in line
    assert f" {100 * row['error']:.1f} (" in line


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


def test_charts_say_what_the_tables_say(study: Path) -> None:
    tables = {
        path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in study.glob("*.csv")
    }
    chart = risk_coverage_chart(tables["risk_coverage"], tables["abstention"], 0.2)
    assert chart.series[0].line[-1] == pytest.approx((100, 100 * tables["risk_coverage"]["error"].iloc[-1]))
    plain = tables["abstention"].query("target == 'error' and rule == 'plain' and wished == 0.2").iloc[0]
    (spot,) = next(each for each in chart.series if each.name == RULES["plain"]).spots
    assert (spot.x, spot.y) == pytest.approx((100 * plain["coverage"], 100 * plain["error"]))
    nothing = {"predicted": tables["predicted"].assign(error=np.nan, error_low=np.nan, error_high=np.nan)}
    some = tables["predicted"]["answered"].any()
    by_genre = decision_charts(tables | nothing, 0.2)[BY_GENRE_HEADING]
    assert ("Wrong among covers predicted as the genre" in by_genre) == some
    nobody = {"predicted": tables["predicted"].assign(answered=0)}
    assert len(decision_charts(tables | nobody, 0.2)[BY_GENRE_HEADING]) == 1


def test_equal_charts_are_drawn_once(study: Path) -> None:
    tables = read_tables(study)
    before = tables["reliability"].query("when == 'before'")
    left = pd.concat([before, before.assign(when="after")])
    assert len(decision_charts(tables | {"reliability": left}, 0.2)[CALIBRATED]) == 1
    moved = pd.concat([before, before.assign(when="after", accuracy=before["accuracy"] / 2)])
    assert len(decision_charts(tables | {"reliability": moved}, 0.2)[CALIBRATED]) == 2


def test_the_page_says_above_the_charts_by_which_method_probabilities_were_calibrated(study: Path) -> None:
    page = html.unescape((study / "index.html").read_text())
    section = next(part for part in page.split("<section>") if f"<h2>{CALIBRATED}</h2>" in part)
    said = calibration_words(read_tables(study)["calibration"])
    assert section.index(said) < section.index("<figure")
    assert "After calibration (method chosen on other covers)" in section


@pytest.mark.parametrize(
    ("by_genre", "marginal", "words"),
    [
        (2.58, 2.01, "as score makes them, can be guaranteed: 2.58 of 3 genres in a set."),
        (3.0, 2.01, "--sets marginal of score: 2.01 of 3 genres in a set"),
        (3.0, 3.0, "so do those of all covers: learn from more covers."),
    ],
)
def test_which_sets_name_every_genre_and_what_else_there_is(
    by_genre: float, marginal: float, words: str
) -> None:
    columns = ["method", "sets", "guarantee", "split", "coverage", "size", "single"]
    sizes = {"by-genre": by_genre, "marginal": marginal}
    rows = [["lac", kind, 0.9, 0, 0.9, size, 0.0] for kind, size in sizes.items()]
    rows += [["lac", kind, 0.8, 0, 0.8, 1.5, 0.5] for kind in sizes]  # of another guarantee than scoring's
    genres = {f"coverage_{genre}": 0.9 for genre in "abc"}
    sets = pd.DataFrame(rows, columns=columns).assign(**genres)
    rule = {"target": "error", "rule": "guaranteed", "wished": 0.2, "answered": 0, "error": np.nan}
    rules = pd.DataFrame([rule])
    assert sets_in_vain(sets) == (by_genre == 3.0)
    assert words in unkept_words({"sets": sets, "abstention": rules}, 0.2)


def test_what_is_missed_or_of_few_covers_is_told_in_counts(study: Path) -> None:
    tables = read_tables(study)
    rules = tables["abstention"]
    plain = (rules["target"] == "error") & (rules["wished"] == 0.2) & (rules["rule"] == "plain")
    rules.loc[plain, ["answered", "error", "error_low", "error_high"]] = [4, 0.5, 0.05, 0.95]
    name = tables["models"]["classifier"][0]
    abstaining = shown_tables(name, tables, 0.2)[0]
    assert "2 of 4 predictions are wrong" in abstaining.note
    assert abstaining.rows["wrong among them, %"].iloc[-1] == "2 of 4"
    rules.loc[plain, "error"] = 0.0
    assert "missed" not in shown_tables(name, tables, 0.2)[0].note


def test_a_target_is_offered_only_where_a_guarantee_keeps_it(study: Path) -> None:
    tables = read_tables(study)
    rules = tables["abstention"]
    asked = (rules["target"] == "error") & (rules["rule"] == "guaranteed")
    rules.loc[asked, "answered"], rules.loc[asked, "error"] = 0, np.nan
    assert guaranteed_targets(tables) == []
    # one cover, and that one wrong, is no prediction to rely on
    rules.loc[asked & (rules["wished"] == 0.4), ["answered", "error"]] = [1, 1.0]
    rules.loc[asked & (rules["wished"] == 0.3), ["answered", "error"]] = [20, 0.2]
    assert guaranteed_targets(tables) == [0.3]
    assert unkept_words(tables, 0.3) == ""
    assert unkept_words(tables, 0.2).startswith("A target of 30 % wrong can be guaranteed")


def test_the_page_says_what_to_do_where_the_target_cannot_be_kept(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    strict = decide(runs["folds"], target=0.001, out=tmp_path / "strict")
    advice = unkept_words(read_tables(strict), 0.001)
    assert "can be guaranteed" in advice
    assert advice in html.unescape((strict / "index.html").read_text()).partition("<main>")[0]


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


def test_genres_are_told_by_the_plain_rule_where_nothing_is_guaranteed(study: Path) -> None:
    tables = {file.stem: pd.read_csv(file) for file in study.glob("*.csv")}
    genres = tables["genres"]
    genres.loc[genres["rule"] == "guaranteed", "answered"] = 0
    classifier = tables["models"]["classifier"][0]
    assert any("threshold without a guarantee" in line for line in decision_findings(classifier, tables, 0.2))
    genres["answered"] = 1
    sentences = decision_findings(classifier, tables, 0.2)
    assert any("guaranteed threshold" in line for line in sentences)
    assert {SET_METHODS_TEXT, SET_KINDS_TEXT} <= set(sentences)


def test_probabilities_that_are_left_have_one_log_loss() -> None:
    kinds = [{"kind": kind, "log_loss": 1.476, "ece": 0.1, "ece_chance": 0.12} for kind in ("none", "chosen")]
    said = calibration_words(pd.DataFrame(kinds))
    assert said.count("1.476") == 1
    assert "before" not in said
    assert "calibration error 10.0\u00a0%; by chance alone it would be about 12.0\u00a0%" in said
    assert "left as they were" in said


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((0.1, 0.05, 0.15), "significantly better (\u22120.100, \u22120.150 to \u22120.050)"),
        ((-0.1, -0.15, -0.05), "significantly worse (+0.100, +0.050 to +0.150)"),
        ((-0.002, -0.2, 0.1), "no significant change (+0.002, \u22120.100 to +0.200)"),
    ],
)
def test_calibration_is_judged_by_the_interval_of_its_log_loss(
    ends: tuple[float, float, float], said: str
) -> None:
    lower, low, high = ends
    before = {"kind": "none", "log_loss": 1.0, "ece": 0.1, "bundle": "isotonic"}
    after = {"kind": "chosen", "log_loss": 1.0 - lower, "ece": 0.2, "ece_chance": 0.15}
    text = calibration_words(
        pd.DataFrame([before, before | after | {"lower": lower, "lower_low": low, "lower_high": high}])
    ).replace("\u00a0", " ")
    assert said in text
    assert text.count("ignificant") == 1  # of the calibration error chance alone is told, and no more
    assert "10.0 % before, 20.0 % after; by chance alone it would be about 15.0 %" in text
    # the reason is that of the bundle's own covers
    assert "bundle uses isotonic calibration: on the covers that it learns from" in text


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


def test_the_verdict_claims_only_what_intervals_support() -> None:
    rule = {"target": "error", "wished": 0.2, "rule": "guaranteed", "answered": 50, "coverage": 0.5}
    rows = [
        ("marginal", "Rock", 30, 0.1, 0.05, 0.3),
        ("marginal", "Pop", 20, 0.35, 0.25, 0.46),
        ("marginal", "Jazz", 20, 0.312, 0.171, 0.501),
        ("by-genre", "Rock", 30, 0.1, 0.05, 0.3),
        ("by-genre", "Pop", 0, np.nan, np.nan, np.nan),
        ("by-genre", "Jazz", 9, 0.1, 0.0, 0.4),
    ]
    columns = ["thresholds", "genre", "answered", "error", "error_low", "error_high"]
    true = [
        ("guaranteed", "Jazz", 0.51, 0.308),
        ("guaranteed", "Rock", 0.3, 0.1),
        ("guaranteed", "Pop", 0.2, 0.1),
        ("plain", "Pop", 0.9, 0.8),
    ]
    tables = {
        "abstention": pd.DataFrame([rule]),
        "predicted": pd.DataFrame(rows, columns=columns),
        "genres": pd.DataFrame(true, columns=["rule", "genre", "error", "error_low"]).assign(
            error_high=0.709
        ),
    }
    assert verdict(tables, 0.2).replace("\u00a0", " ") == (
        "At most 20 % wrong over all covers, with 90 % confidence, by one threshold: it keeps 50.0 % of the "
        "covers. Single genres have no such guarantee. More are wrong among those predicted Pop (35.0 %, "
        "25.0 to 46.0) and those that are Jazz (51.0 %, 30.8 to 70.9). More are wrong here, but not "
        "significantly, among those predicted Jazz (31.2 %, 17.1 to 50.1) and those that are Rock (30.0 %, "
        "10.0 to 70.9): their intervals include 20 %. With a threshold for each predicted genre, "
        "Pop gets no prediction."
    )
    none = tables["abstention"].assign(answered=0)
    assert "cannot be guaranteed" in verdict(tables | {"abstention": none}, 0.2)


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
