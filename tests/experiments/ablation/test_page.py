"""What the ablation's page says."""

from pathlib import Path

import pandas as pd
import pytest

from coverfusion.experiments.ablation.figures import forest_figure
from coverfusion.experiments.ablation.page import NOTES, _shown, ablation_findings
from coverfusion.experiments.commands.ablate import print_study
from coverfusion.experiments.drawing.words import signed
from coverfusion.experiments.evaluation.chosen_metric import METRICS


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
    assert (first["what"], first["p"], first["sure"]) == ("all against all but cnn", "<\u00a00.001", True)
    assert round(float(str(first["difference"])), 6) == 5.0
    assert (second["what"], second["p"], second["sure"]) == ("all against all but ocr", "1.000", False)
    assert signed(-0.2, 1) == "\u22120.2"


def test_a_study_with_nothing_to_compare_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "comparisons.csv").write_text("design,unit,classifier,other,first,second\n")
    print_study(tmp_path)
    assert "there is nothing to compare" in capsys.readouterr().out


def test_tables_say_small_p_as_people_do_and_what_their_columns_are() -> None:
    small = {"difference": 0.3, "low": 0.2, "high": 0.4, "p": 2.3e-18, "p_holm": 0.0412}
    table = _shown(pd.DataFrame([{"block": "cnn", **small}]))
    assert table["rows"] == [["cnn", "0.3", "0.2", "0.4", "<\u00a00.001", "0.041"]]
    assert set(NOTES) <= {"comparisons", "leaderboard", "shapley", "interactions", "genres", "greedy"}
    assert "loss: the genre's F1 with all blocks less" in NOTES["genres"]


def test_forest_plots_are_in_the_points_of_the_tables_and_name_classifiers_once() -> None:
    row = {"difference": 0.05, "low": -0.01, "high": 0.11, "p_holm": 0.2, "unit": ""}
    rows = pd.DataFrame([{"design": "classifiers", "classifier": "knn", "other": "logistic", **row}])
    axes = forest_figure(rows, "classifiers", METRICS["macro_f1"]).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["knn against logistic"]
    interval, value = (line.get_xdata() for line in axes.lines[:2])
    assert [*interval, *value] == pytest.approx([-1, 11, 5])
    assert axes.get_xlabel().startswith("points of macro F1")
    losses = forest_figure(
        rows.assign(design="greedy step", unit="cnn"), "greedy step", METRICS["brier"]
    ).axes[0]
    assert [tick.get_text() for tick in losses.get_yticklabels()] == ["knn: adding cnn"]
    assert [*losses.lines[0].get_xdata()] == pytest.approx([-0.01, 0.11])
