"""Validation curves on a small drawn collection."""

import html
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from coverfusion.data.collection import Collection
from coverfusion.data.errors import UserError
from coverfusion.data.splits import split
from coverfusion.experiments.drawing.curves import Curve
from coverfusion.experiments.drawing.forest import Forest
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.preparation import open_collection, prepare, run_extractors
from coverfusion.experiments.tuning.judged import Chance, chance
from coverfusion.experiments.tuning.sweep import sweep
from coverfusion.experiments.tuning.sweep_charts import sweep_charts
from coverfusion.experiments.tuning.sweep_page import sweep_findings, write_sweep_page
from coverfusion.experiments.tuning.values import in_order, label, parse_value, spans_decades
from coverfusion.features.registry import Extractor
from coverfusion.fusion.registry import create
from tests.helpers.charts import chart_words
from tests.helpers.small import config, save_small, tiny_network

CHANCE = Chance(0.2, "always saying dub", "dub is the most frequent genre of the training covers.")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def study(manifest: Path) -> Path:
    return sweep(config(manifest, manifest.parent / "runs"), "logistic", "C", [1.0, 1e-4], workers=1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("3", 3),
        ("0.5", 0.5),
        ("null", None),
        ("none", "none"),
        ("true", True),
        ("[svc, mlp]", ["svc", "mlp"]),
        ("mixup", "mixup"),
        ("-2", -2),
        (".5", 0.5),
    ],
)
def test_values_mean_what_they_say(text: str, value: object) -> None:
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


def test_what_is_no_yaml_is_said() -> None:
    with pytest.raises(UserError, match=r"'\[svc' is not YAML"):
        parse_value("[svc")


def test_numbers_are_put_in_order_and_others_stay() -> None:
    assert in_order([1.0, 0.01, 1.0]) == [0.01, 1.0]
    assert in_order(["simple", None, "mixup", "simple"]) == ["simple", None, "mixup"]
    assert [label(v) for v in (1e-4, None, "none", True, ["svc"])] == [
        "0.0001",
        "null",
        "none",
        "true",
        '["svc"]',
    ]


def test_an_axis_is_logarithmic_over_a_decade_and_categories_stand_side_by_side() -> None:
    assert spans_decades([0.1, 1.0])
    assert not spans_decades([1, 9])
    assert not spans_decades([0, 100])


def test_numbers_are_a_curve_and_names_are_rows() -> None:
    row = {"accuracy": 0.3, "accuracy_low": 0.2, "accuracy_high": 0.4, "best": False}
    losses = {"log_loss": 1.2, "log_loss_low": 1.0, "log_loss_high": 1.4}
    table = pd.DataFrame(
        [
            {"value": value, "covers": covers, **row, **losses}
            for value in ("1", "10", "none")
            for covers in ("training", "validation")
        ]
    )
    best = (table["value"] == "10") & (table["covers"] == "validation")
    table = table.assign(best=best.map({True: True, False: None}))
    curve = sweep_charts(table, [10, 1], "k", CHANCE, METRICS["accuracy"])["accuracy"]
    assert (curve.line, curve.line_label) == (pytest.approx(20), "always saying dub: 20.0")
    assert isinstance(curve, Curve)
    assert curve.x.log
    assert [text for _, text in curve.x_ticks] == ["1", "10"]
    assert [spot.ringed for spot in curve.series[0].spots] == [False, True]
    assert [(spot.y, spot.low, spot.high) for spot in curve.series[0].spots] == [
        pytest.approx((30, 20, 40))
    ] * 2
    forest = sweep_charts(table, ["none", 10], "k", CHANCE, METRICS["accuracy"])["log loss"]
    assert isinstance(forest, Forest)
    assert [(row.heading, row.label) for row in forest.rows if row.strong] == [("10", "validation covers")]
    assert forest.rows[0].high == pytest.approx(1.4)


def test_scores_by_hand_of_the_splits_two_parts(study: Path, manifest: Path) -> None:
    prepared = prepare(*_asked(manifest))
    covers, X = prepared.covers.set_index("cover_id"), prepared.table.frame()
    part = split(prepared.covers, 0)
    train, held_out = (part.index[part == name] for name in ("train", "validation"))
    values = pd.read_csv(study / "values.csv").set_index(["value", "covers"])
    for C in (1e-4, 1.0):
        model = create("logistic", C=C).fit(X.loc[train], covers.loc[train, "genre"])
        for name, ids in (("training", train), ("validation", held_out)):
            right = (model.predict(X.loc[ids]) == covers.loc[ids, "genre"]).mean()
            row = values.loc[(C, name)]
            assert row["accuracy"] == pytest.approx(right)
            assert row["n"] == len(ids)
            assert row["accuracy_low"] <= right <= row["accuracy_high"]
    best = values.xs("validation", level="covers")
    assert best["difference"].max() == 0
    assert best["difference"].min() == pytest.approx(best["accuracy"].min() - best["accuracy"].max())


def test_chance_is_that_of_the_covers_that_judge(study: Path, manifest: Path, tmp_path: Path) -> None:
    covers = prepare(*_asked(manifest)).covers.set_index("cover_id")["genre"]
    part = pd.read_parquet(study / "splits.parquet").set_index("cover_id")["split"]
    train, held_out = (covers[part.index[part == name]] for name in ("train", "validation"))
    most = min(genre for genre, count in train.value_counts().items() if count == train.value_counts().max())
    said = chance(study)
    assert said.accuracy == pytest.approx((held_out == most).sum() / len(held_out))
    assert said.always == f"always saying {most}"
    several = (train.value_counts() == train.value_counts().max()).sum() > 1
    assert said.why.startswith(f"{most} is {'one of ' if several else ''}the most frequent genre")
    assert said.why in html.unescape((study / "index.html").read_text())
    folds = sweep(config(manifest, tmp_path, folds=2), "knn", "k", [1], workers=1)
    judged = covers[part.index[part != "test"]]  # each is held out once
    assert chance(folds).accuracy == pytest.approx(judged.value_counts().max() / len(judged))


def _asked(manifest: Path) -> tuple[Config, Collection, list[Extractor]]:
    asked = config(manifest, manifest.parent / "runs", classifiers={"logistic": {}}, alone=[])
    return asked, open_collection(asked), run_extractors(asked, ["logistic"])


def test_no_test_cover_is_looked_at(manifest: Path, tmp_path: Path) -> None:
    folder = sweep(config(manifest, tmp_path, folds=2), "knn", "k", [1, 5], workers=1)
    covers = pd.read_csv(manifest)
    predictions = [pd.read_parquet(path) for path in folder.rglob("predictions.parquet")]
    assert len(predictions) == 4
    looked_at = set().union(*(frame.index for frame in predictions))
    parts = pd.read_parquet(study_of(manifest) / "splits.parquet").set_index("cover_id")["split"]
    assert looked_at == set(parts.index[parts != "test"])
    assert len(looked_at) == len(covers) - (parts == "test").sum()
    folds = pd.read_csv(folder / "folds.csv")
    assert folds.groupby("covers")["n"].sum().to_dict() == {
        "training": 2 * len(looked_at),
        "validation": 2 * len(looked_at),
    }
    # one neighbour remembers its own covers
    assert (folds[(folds["value"] == 1) & (folds["covers"] == "training")]["accuracy"] == 1).all()


def study_of(manifest: Path) -> Path:
    """The sweep over the split's two parts."""
    return next((manifest.parent / "runs").glob("sweep-*"))


def test_more_values_fit_only_the_new_ones(study: Path, manifest: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("predictions.parquet")}
    again = sweep(config(manifest, manifest.parent / "runs"), "logistic", "C", [1e-2], workers=1)
    assert again == study
    after = {path: path.stat().st_mtime_ns for path in study.rglob("predictions.parquet")}
    assert len(after) == 3
    assert before.items() <= after.items()
    assert json.loads((study / "values.json").read_text()) == [1e-4, 1e-2, 1.0]
    assert pd.read_csv(study / "values.csv")["value"].nunique() == 3


def test_the_page_says_it_and_loads_nothing(study: Path) -> None:
    page = (study / "index.html").read_text()
    for sentence in sweep_findings(study):
        assert sentence.replace("'", "&#39;") in page
    accuracy, loss = chart_words(page)
    assert accuracy.startswith("accuracy against ")
    assert "validation covers: at " in loss
    assert "http" not in page.replace("http-equiv", "")
    assert {file.name for file in (study / "figures").iterdir()} == {
        "sweep-accuracy.svg",
        "sweep-log-loss.svg",
    }


def test_ties_chance_and_few_covers_are_told(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(study, folder)
    table = pd.read_csv(folder / "values.csv", dtype={"value": str})
    held_out = table["covers"] == "validation"
    first = table.loc[held_out].index[0]
    table["best"] = table["best"].astype(object)
    table.loc[held_out, ["accuracy", "n", "log_loss", "best", "difference"]] = [0.25, 40, 1.2, False, 0.0]
    table.loc[held_out, ["difference_low", "difference_high", "corrected_low"]] = [-0.5, 0.5, 0.02]
    table.loc[first, ["log_loss", "best"]] = [1.1, True]
    table.to_csv(folder / "values.csv", index=False)
    said = sweep_findings(folder)
    assert "25.0 % of 40 validation covers right" in said[0]
    assert any("lower log loss (1.100 against 1.200" in each for each in said)
    assert any(each.startswith("No value is significantly better than always saying") for each in said)
    assert any(each.startswith("The choice rests on 40 of ") and "--folds 5" in each for each in said)
    assert not any(each.startswith("Not significantly worse") for each in said)  # all others are ties
    table.loc[held_out, "corrected_low"] = 0.9
    table.to_csv(folder / "values.csv", index=False)
    assert not any("No value" in each or "--folds" in each for each in sweep_findings(folder))


def test_few_covers_name_no_best_value(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(study, folder)
    table = pd.read_csv(folder / "values.csv", dtype={"value": str})
    table.loc[table["covers"] == "validation", "n"] = 29
    table.to_csv(folder / "values.csv", index=False)
    write_sweep_page(folder)
    said, page = sweep_findings(folder), (folder / "index.html").read_text()
    assert said[0] == "29 validation covers: too few to choose by. Use --folds 5."
    assert "does best" not in page
    assert "Ringed" not in page
    assert "choose_by" not in page
    # nothing is explained that does not stand there
    assert "corrected figure" not in page
    assert "unbiased score" not in page
    assert "Small figures: intervals of 95" in page


def test_values_that_do_no_better_than_guessing_are_said_to(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(study, folder)
    guessed = chance(folder).accuracy
    for accuracy, said in ((guessed - 0.01, True), (guessed, True), (guessed + 0.01, False)):
        table = pd.read_csv(folder / "values.csv", dtype={"value": str})
        held_out = table["covers"] == "validation"
        table.loc[held_out, ["n", "accuracy"]] = [4, 0.0]
        table.loc[table.loc[held_out].index[-1], "accuracy"] = accuracy
        table.to_csv(folder / "values.csv", index=False)
        none = [each for each in sweep_findings(folder) if each.startswith("None is above")]
        assert bool(none) == said
        assert all(f"({100 * guessed:.1f} %)" in each for each in none)


def test_of_networks_the_epochs_are_shown_and_no_weights_stay(manifest: Path, tmp_path: Path) -> None:
    asked = config(manifest, tmp_path, classifiers={"finetune": tiny_network(tmp_path)})
    folder = sweep(asked, "finetune", "augmentation", ["simple", "none"])
    epochs = pd.read_csv(folder / "epochs.csv", keep_default_na=False)
    assert epochs["value"].tolist() == ["simple", "none"]
    assert epochs["epoch"].tolist() == [1, 1]
    assert not list(folder.rglob("checkpoint.pt"))
    assert "Epoch by epoch" in (folder / "index.html").read_text()
    assert (folder / "figures" / "epochs-2.svg").is_file()


def test_what_is_wrong_is_said(manifest: Path, tmp_path: Path) -> None:
    asked = config(manifest, tmp_path)
    with pytest.raises(UserError, match=r"'knn' has no parameter 'kk'.*Did you mean 'k'"):
        sweep(asked, "knn", "kk", [1])
    with pytest.raises(UserError, match="Did you mean 'svc'"):
        sweep(asked, "svm", "C", [1])
    with pytest.raises(UserError, match="Name values of C"):
        sweep(asked, "svc", "C", [])
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"Classifier 'knn': metric must be .*euclid"):
        sweep(asked, "knn", "metric", ["cosine", "euclid"], workers=1)
    with pytest.raises(UserError, match=r"catboost refused a value of depth: "):
        sweep(asked, "catboost", "depth", [50], workers=1)
