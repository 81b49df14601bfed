"""What people read of a decision study: verdict, tables, charts, and what to do."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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
from coverfusion.experiments.decision.shown import (
    guaranteed_targets,
    print_decision,
    read_tables,
    sets_in_vain,
    shown_tables,
    unkept_words,
)
from coverfusion.experiments.decision.study import decide
from coverfusion.experiments.pipeline.console import console


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
