"""What the ablation's page says."""

from pathlib import Path

import pandas as pd
import pytest

from coverfusion.experiments.ablation.charts import forest_charts
from coverfusion.experiments.ablation.designs import METADATA, ONE_SIDE, PICTURES
from coverfusion.experiments.ablation.page import NOTES, _shown, ablation_findings, baseline_words
from coverfusion.experiments.ablation.verdict import ablation_verdict
from coverfusion.experiments.commands.ablate import print_study
from coverfusion.experiments.drawing.words import signed
from coverfusion.experiments.evaluation.chosen_metric import METRICS, SET_METRICS
from coverfusion.experiments.pipeline.config import make_config


def test_findings_are_in_points_and_say_what_is_significant() -> None:
    rows = pd.DataFrame(
        {
            "design": "all against all but block",
            "unit": ["ocr", "cnn"],
            "classifier": "svc",
            "other": "svc",
            "difference": [-0.002, 0.05],
            "low": [-0.01, 0.034],
            "high": [0.006, 0.066],
            "p_holm": [1.0, 0.0007],
            "detectable": [0.014, 0.023],
            "equal": [0.93, 0.001],
        }
    )
    first, second = ablation_findings(rows)
    assert (first["what"], first["p"], first["sure"]) == ("without cnn", "<\u00a00.001", True)
    assert round(float(str(first["difference"])), 6) == 5.0
    assert (second["what"], second["p"], second["sure"]) == ("without ocr", "1.000", False)
    assert signed(-0.2, 1) == "\u22120.2"


def test_a_study_with_nothing_to_compare_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "comparisons.csv").write_text("design,unit,classifier,other,first,second\n")
    print_study(tmp_path)
    said = " ".join(capsys.readouterr().out.split())
    assert "there is nothing to compare" in said
    assert "-d alone" in said
    assert "One set of blocks" not in said  # subsets are many sets that nothing compares


def test_tables_say_small_p_as_people_do_and_what_their_columns_are() -> None:
    small = {"difference": 0.3, "low": 0.2, "high": 0.4, "p": 2.3e-18, "p_holm": 0.0412}
    table = _shown(pd.DataFrame([{"block": "cnn", **small}]))
    assert table["rows"] == [["cnn", "0.3", "0.2", "0.4", "<\u00a00.001", "0.041"]]
    board = _shown(pd.DataFrame([{"classifier": "largest genre", "units": "none", "accuracy": -0.04}]))
    assert board["rows"] == [["largest genre", "no block", "\u22120.04"]]
    assert set(NOTES) <= {"comparisons", "leaderboard", "shapley", "interactions", "genres", "greedy"}
    assert "loss: the genre's F1 with all blocks less" in NOTES["genres"]


def test_differences_are_in_the_points_of_the_tables_and_on_one_axis() -> None:
    row = {"difference": 0.05, "low": -0.01, "high": 0.11, "p_holm": 0.2, "unit": ""}
    known = {"difference": 0.3, "low": 0.2, "high": 0.4, "p_holm": 0.01, "unit": "cnn"}
    rows = pd.DataFrame(
        [
            {"design": "classifiers", "classifier": "knn", "other": "logistic", **row},
            {"design": "greedy step", "classifier": "knn", "other": "knn", **known},
        ]
    )
    charts = forest_charts(rows, METRICS["macro_f1"])
    first, second = charts["forest-classifiers"], charts["forest-greedy-step"]
    assert [each.label for each in (*first.rows, *second.rows)] == ["knn against logistic", "cnn"]
    assert [first.rows[0].value, first.rows[0].low, first.rows[0].high] == pytest.approx([5, -1, 11])
    assert (first.rows[0].filled, second.rows[0].filled) == (False, True)
    assert first.axis == second.axis
    assert first.axis_label.startswith("points of macro F1")
    assert "knn against logistic: +5.0 (\u22121.0 to +11.0)" in first.words
    losses = forest_charts(rows, METRICS["brier"])["forest-classifiers"]
    assert [losses.rows[0].low, losses.rows[0].high] == pytest.approx([-0.01, 0.11])


def test_the_verdict_names_only_what_the_folds_show() -> None:
    def row(design: str, unit: str, difference: float, p: float) -> dict[str, object]:
        ends = {"low": difference - 0.02, "high": difference + 0.02}
        return {
            "design": design,
            "classifier": "svc",
            "unit": unit,
            "difference": difference,
            "p_holm": p,
            "detectable": abs(difference) * 2,
            **ends,
        }

    alone, needed = "block alone against chance", "all against all but block"
    rows = [row(alone, "cnn", 0.1, 0.001), row(alone, "color", 0.12, 0.3), row(needed, "cnn", 0.05, 0.2)]
    metric = METRICS["accuracy"]
    assert ablation_verdict(pd.DataFrame(rows), metric) == [
        (
            "svc: alone significantly better than chance, points of accuracy: cnn +10.0 (+8.0 to +12.0); "
            "not significantly better: color."
        ),
        (
            "svc: leaving one block out loses nothing significant. Found in 80 % of such studies is a "
            "difference of at least 10.0 (cnn) points of accuracy, before Holm's correction."
        ),
    ]
    worse = pd.DataFrame([row(alone, "cnn", 0.1, 0.2), row(needed, "cnn", -0.05, 0.01)])
    assert ablation_verdict(worse, metric) == [
        (
            "svc: no block alone is significantly better than chance. Found in 80 % of such studies is a "
            "difference of at least 20.0 (cnn) points of accuracy, before Holm's correction."
        ),
        "svc: points of accuracy gained when left out: cnn +5.0 (+3.0 to +7.0).",
    ]
    hopeless = pd.DataFrame([row(alone, "cnn", 0.6, 0.2)])
    assert "can show nothing" in ablation_verdict(hopeless, metric)[0]


def test_the_verdict_says_what_metadata_adds() -> None:
    values = {"difference": 0.14, "low": 0.1, "high": 0.18, "p_holm": 0.001, "detectable": 0.1}
    row = {"design": ONE_SIDE, "classifier": "svc", **values}
    rows = pd.DataFrame([row | {"unit": METADATA}, row | {"unit": PICTURES}])
    [said] = ablation_verdict(rows, METRICS["accuracy"])
    added = "+14.0 (+10.0 to +18.0) to"
    assert f"pictures add {added} metadata; metadata adds {added} pictures" in said
    for low, words in (
        (0.1, "which is not significant after the correction"),
        (-0.1, "which is not significant"),
    ):
        [said] = ablation_verdict(rows.assign(p_holm=0.2, low=low), METRICS["accuracy"])
        assert said.count(f"metadata, {words};") == 1


@pytest.mark.parametrize(
    ("metric", "more", "said"),
    [
        ("accuracy", {}, "always saying the largest genre"),
        ("accuracy", {"prior": "balanced"}, "guessing by the prior"),
        ("log_loss", {}, "knowing only how common genres are"),
        ("macro_f1", {"labels": "many"}, "calling every cover every genre"),
    ],
)
def test_shapley_values_name_what_they_count_from(metric: str, more: dict[str, str], said: str) -> None:
    config = make_config("test", collection="covers", **more)
    assert baseline_words(config, SET_METRICS[metric]) == said
