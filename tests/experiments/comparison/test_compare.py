"""Runs are compared cover by cover; other covers are refused, other settings are named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.experiments.cli import app
from coverfusion.experiments.comparison.compare import compare_runs, config_differences, write_comparison
from coverfusion.experiments.comparison.page import comparison_chart
from coverfusion.experiments.comparison.shown import against_best, named, verdict
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.statistics import corrected_t_test
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.training.train import train
from tests.helpers.pictures import checkerboard, grained, save_folders

COLOURS = {"dub": (30, 120, 40), "opera": (150, 30, 40), "techno": (40, 40, 160)}


def _cover(colour: tuple[int, int, int], number: int) -> Image.Image:
    rng = np.random.default_rng([number, *colour])
    first, second = (tuple(int(v) for v in rng.integers(0, 255, 3)) for _ in range(2))
    shown = tuple(int(v) for v in (np.array(colour) + np.array(first) / 2).clip(0, 255))
    return grained(checkerboard(shown, second, int(rng.integers(5, 30)), size=(64, 64)), [number, *colour])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("compare")
    drawn = {genre: [_cover(colour, n) for n in range(30)] for genre, colour in COLOURS.items()}
    save_folders(folder / "covers", drawn)
    made = {}
    for name, more in {
        "color": {"blocks": ["color"]},
        "texture": {"blocks": ["texture"]},
        "both": {"blocks": ["color", "texture"], "alone": ["knn"]},
        "seed": {"blocks": ["color"], "seed": 3},
        "folds": {"blocks": ["color"], "folds": 3},
        "folds-texture": {"blocks": ["texture"], "folds": 3},
        "other-folds": {"blocks": ["color"], "folds": 3, "seed": 3},
    }.items():
        config = make_config(
            "test",
            collection=folder / "covers",
            out=folder / name,
            store=folder / "store",
            classifiers=["logistic", "knn"],
            **more,
        )
        made[name] = train(config)
    return made


def test_the_pair_is_what_the_predictions_say(runs: dict[str, Path]) -> None:
    row = compare_runs([runs["color"], runs["texture"]], ["knn"]).iloc[0]
    right = []
    for name in ("color", "texture"):
        frame = pd.read_parquet(runs[name] / "predictions.parquet").query("split == 'test'")
        frame = frame[frame["classifier"] == "knn"].set_index("cover_id")
        right.append((frame["genre"] == frame["predicted"]).sort_index())
    assert row["accuracy_first"] == pytest.approx(right[0].mean())
    assert row["difference"] == pytest.approx(right[0].mean() - right[1].mean())
    assert row["only_first"] == (right[0] & ~right[1]).sum()
    assert row["only_second"] == (~right[0] & right[1]).sum()
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["method"] == "groups"
    # of covers that belong to nobody, McNemar's test says the same
    assert row["p_mcnemar"] == pytest.approx(row["p"], abs=0.1)
    assert row["equal"] + row["first_better"] + row["second_better"] == pytest.approx(1)


def test_of_one_run_all_models_are_compared(runs: dict[str, Path]) -> None:
    table = compare_runs([runs["folds"]])
    assert len(table) == 1
    assert {table["first"].item().split()[1], table["second"].item().split()[1]} == {"logistic", "knn"}
    assert table["method"].item() == "folds"
    assert 0 <= table["p"].item() <= table["p_holm"].item() <= 1
    assert np.isnan(table["p_mcnemar"].item())


def test_runs_with_the_same_folds_get_the_test_over_folds(runs: dict[str, Path]) -> None:
    row = compare_runs([runs["folds"], runs["folds-texture"]], ["knn"]).iloc[0]
    assert row["difference"] > 0.2
    right = []
    for name in ("folds", "folds-texture"):
        frame = pd.read_parquet(runs[name] / "predictions.parquet").query("classifier == 'knn'")
        right.append(frame.set_index("cover_id")["genre"] == frame.set_index("cover_id")["predicted"])
    fold = pd.read_parquet(runs["folds"] / "splits.parquet").set_index("cover_id").iloc[:, -1]
    by_fold = (right[0] * 1.0 - right[1]).groupby(fold).mean().to_numpy()
    test = corrected_t_test(by_fold, 1 / 2, 30)
    assert (row["difference"], row["low"], row["high"], row["p"]) == pytest.approx(
        (test.difference, test.low, test.high, test.p)
    )


def test_a_larger_difference_that_does_not_matter_makes_models_more_equal(runs: dict[str, Path]) -> None:
    for name in ("folds", "color"):
        rows = [compare_runs([runs[name]], rope=rope).iloc[0] for rope in (0.01, 0.9)]
        assert rows[0]["equal"] < rows[1]["equal"]
        assert rows[0]["p"] == rows[1]["p"]


def test_folds_that_are_not_the_same_are_compared_by_groups(runs: dict[str, Path]) -> None:
    row = compare_runs([runs["folds"], runs["other-folds"]], ["knn"]).iloc[0]
    assert row["method"] == "groups"
    assert row["low"] <= row["difference"] <= row["high"]
    assert np.isnan(row["p_mcnemar"])


def test_other_test_covers_are_refused(runs: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"not tested on the same covers: .* only in the first"):
        compare_runs([runs["color"], runs["seed"]])


def test_what_differs_is_named(runs: dict[str, Path]) -> None:
    found = config_differences([runs["color"], runs["seed"]]).set_index("key")
    assert found.to_dict("index") == {"seed": {"A": "0", "B": "3"}}
    blocks = config_differences([runs["color"], runs["texture"]])["key"].tolist()
    assert sorted(blocks) == ["blocks.color", "blocks.texture", "extractors.color", "extractors.texture"]


def test_a_model_on_a_block_alone_can_be_named(runs: dict[str, Path]) -> None:
    row = compare_runs([runs["both"]], ["knn", "knn on texture"]).iloc[0]
    single = compare_runs([runs["both"], runs["texture"]], ["knn"]).iloc[0]
    assert (row["first"], row["second"]) == ("A knn on both blocks", "A knn on texture alone")
    assert row["accuracy_second"] == single["accuracy_second"]
    with pytest.raises(UserError, match=r"has no classifier 'knn on colour'; it has .*knn on color"):
        compare_runs([runs["both"]], ["knn", "knn on colour"])


def test_wrong_folders_and_classifiers_are_named(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a finished run folder"):
        compare_runs([runs["color"], tmp_path])
    with pytest.raises(UserError, match="has no classifier 'svc'; it has"):
        compare_runs([runs["color"], runs["texture"]], ["svc"])
    with pytest.raises(UserError, match="only one model"):
        compare_runs([runs["color"]], ["knn"])


def test_everything_is_written(runs: dict[str, Path], tmp_path: Path) -> None:
    folders = [runs["color"], runs["texture"]]
    write_comparison(tmp_path / "c", compare_runs(folders), config_differences(folders), folders)
    assert {file.name for file in (tmp_path / "c").glob("[!.]*")} == {
        "comparisons.csv",
        "config_differences.csv",
        "figures",
        "index.html",
        "environment.json",
    }
    assert (tmp_path / "c" / "figures" / "comparison.svg").is_file()
    page = (tmp_path / "c" / "index.html").read_text()
    assert 'aria-label="How much better the first is, points of accuracy' in page


def test_a_page_of_folds_warns_that_they_are_few(runs: dict[str, Path], tmp_path: Path) -> None:
    pages = {}
    for name in ("folds", "color"):
        folders = [runs[name]]
        write_comparison(tmp_path / name, compare_runs(folders), config_differences(folders), folders)
        pages[name] = (tmp_path / name / "index.html").read_text()
    assert "few folds: some intervals come out too short" in pages["folds"]
    assert "fold" not in pages["color"].partition('id="made"')[0].replace('class="wide fold', "")
    assert "<dt>run</dt>" in pages["color"]


def test_the_legend_says_what_filled_and_hollow_marks_are() -> None:
    chart = comparison_chart(named(_pairs(), 1), METRICS["accuracy"])
    assert [kind for kind, _, _ in chart.legend] == ["filled", "hollow", "line"]
    only = comparison_chart(named(_pairs().assign(p_holm=0.2), 1), METRICS["accuracy"])
    assert [kind for kind, _, _ in only.legend] == ["hollow", "line"]


def _pairs() -> pd.DataFrame:
    """Of a, b and c: b is best, and surely better than a."""
    rows = [
        ("A a on both blocks", "A b on both blocks", 0.4, 0.6, -0.2, -0.3, -0.1, 1, 21, 0.001),
        ("A a on both blocks", "A c on color alone", 0.4, 0.55, -0.15, -0.3, 0.02, 2, 17, 0.2),
        ("A b on both blocks", "A c on color alone", 0.6, 0.55, 0.05, -0.1, 0.2, 9, 4, 0.3),
    ]
    names = ["first", "second", "accuracy_first", "accuracy_second", "difference", "low", "high"]
    table = pd.DataFrame(rows, columns=[*names, "only_first", "only_second", "p_holm"])
    return table.assign(method="groups", equal=0.1, metric="accuracy")


def test_the_best_is_set_against_the_others_with_signs_and_counts_turned() -> None:
    rows = against_best(named(_pairs(), 1), METRICS["accuracy"])
    assert rows["first"].tolist() == ["b", "b"]
    assert rows["second"].tolist() == ["c on color alone", "a"]
    assert rows["difference"].tolist() == [0.05, 0.2]
    assert rows["low"].tolist() == [-0.1, 0.1]
    assert rows["high"].tolist() == [0.2, 0.3]
    assert rows["only_first"].tolist() == [9, 21]
    assert rows["only_second"].tolist() == [4, 1]


def test_the_verdict_names_only_what_is_sure() -> None:
    metric = METRICS["accuracy"]
    rows = against_best(named(_pairs(), 1), metric)
    assert verdict(rows, metric, 3) == [
        "b has the best accuracy (60.0 %). It is better than a.",
        "It is not significantly better than c on color alone.",
    ]
    [unsure] = verdict(rows.assign(p_holm=0.3), metric, 3)
    assert "not significantly better than any other" in unsure
    [pair] = verdict(rows[:1], metric, 1)
    assert pair.startswith(
        "No significant difference between b (60.0 %) and c on color alone (55.0 %): +5.0 points"
    )


def test_the_command_is_short_and_puts_the_verdict_first(runs: dict[str, Path]) -> None:
    done = CliRunner().invoke(app, ["compare", str(runs["color"])], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert (
        "best accuracy" in lines[0] or "No significant difference" in lines[0] or "is better than" in lines[0]
    )
    assert len(lines) < 20
    assert not any(line.startswith("A ") for line in lines)
