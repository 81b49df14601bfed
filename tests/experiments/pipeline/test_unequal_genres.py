"""Runs and studies on genres of unequal size: the prior, the warning, and results in every metric."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from coverfusion.data.errors import UserError
from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.comparison.compare import compare_runs
from coverfusion.experiments.curve.study import learning_curve
from coverfusion.experiments.drawing.words import percent
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric, metric_value
from coverfusion.experiments.pipeline.run_folder import Run, read_run
from coverfusion.experiments.pipeline.unequal_genres import say_unequal
from coverfusion.experiments.training.train import train
from coverfusion.experiments.tuning.search import search
from coverfusion.experiments.tuning.search_space import parse_space
from coverfusion.experiments.tuning.sweep import sweep
from coverfusion.fusion.bundle import load_bundle
from tests.helpers.small import config, save_small


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of dub 30 covers, of the others 10."""
    path = save_small(tmp_path_factory.mktemp("unequal"))
    covers = pd.read_csv(path)
    few = [covers[covers["genre"] == genre].index[10:] for genre in ("opera", "techno")]
    covers.drop(index=np.concatenate(few)).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def runs(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("runs")
    more = {"classifiers": ["logistic", "knn"], "folds": 3, "alone": []}
    return {
        "natural": train(config(manifest, out, **more)),
        "balanced": train(config(manifest, out, prior="balanced", metric="balanced_accuracy", **more)),
    }


def test_the_warning_says_what_the_prior_makes_of_it(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    covers = pd.DataFrame({"genre": ["dub"] * 5 + ["opera"] * 2})
    for prior, words in (
        ("natural", "small genres are seldom named"),
        ("balanced", "take all as equally common"),
        ({"dub": 1, "opera": 1}, "the prior that the config gives"),
    ):
        said = say_unequal(covers, config(manifest, tmp_path, prior=prior))
        assert said.startswith("Genres are of unequal size: dub has 5 covers, opera 2.")
        assert words in said
        assert said in " ".join(capsys.readouterr().out.split())
    assert say_unequal(covers.iloc[1:], config(manifest, tmp_path)) == ""
    sets = covers.assign(genres=covers["genre"].map(lambda genre: (genre,)))
    said = say_unequal(sets, config(manifest, tmp_path, labels="many"))
    assert "balanced" not in said  # which is refused there
    assert "seldom" not in said


def test_a_run_says_and_keeps_what_its_probabilities_answer_to(runs: dict[str, Path]) -> None:
    for name, prior in (("natural", [0.6, 0.2, 0.2]), ("balanced", [1 / 3] * 3)):
        assert f"(prior: {name})" in json.loads((runs[name] / "collection.json").read_text())["note"]
        bundle = load_bundle(runs[name] / "bundle")
        assert list(bundle.extra["prior"].values()) == pytest.approx(prior)
        np.testing.assert_allclose(bundle.classifier.prior_, prior)
        assert "note" not in bundle.extra  # each scored cover would repeat it


def test_a_balanced_prior_finds_the_small_genres(runs: dict[str, Path]) -> None:
    named = {}
    for name, run in runs.items():
        frame = pd.read_parquet(run / "predictions.parquet").query("classifier == 'logistic'")
        named[name] = (frame["predicted"] != "dub").sum()
    assert named["balanced"] > named["natural"]


def test_the_leaderboard_is_in_the_metric_that_is_asked_beside_its_baseline(runs: dict[str, Path]) -> None:
    for name, column in (("natural", "accuracy"), ("balanced", "balanced_accuracy")):
        values = read_run(runs[name]).leaderboard[column]
        assert values.is_monotonic_decreasing
    baseline = read_run(runs["balanced"]).baseline["folds"]
    assert baseline["accuracy"] == pytest.approx(0.6)
    assert baseline["balanced_accuracy"] == pytest.approx(1 / 3)
    assert set(baseline) == set(METRICS)
    assert read_run(runs["natural"]).chosen_by == "log_loss"


def test_a_prior_of_the_users_has_its_guess_beside_the_baseline(runs: dict[str, Path]) -> None:
    guessed = read_run(runs["balanced"]).guessed["folds"]
    assert guessed["log_loss"] == pytest.approx(np.log(3))
    shown = f"(guessing by the prior: {percent(guessed['balanced_accuracy'])})"
    for page in ("report.html", "bundle/README.md"):
        assert shown in (runs["balanced"] / page).read_text()
        assert "guessing by the prior" not in (runs["natural"] / page).read_text()


def fold_values(run: Run, metric: Metric) -> pd.Series:
    """The metric of each fold, of `logistic`."""
    frame = run.predictions("logistic")
    fold = pd.read_parquet(run.folder / "splits.parquet").set_index("cover_id").iloc[:, 0]
    proba = frame.filter(regex="^p_")
    names = proba.columns.str[2:]
    return pd.Series(
        {
            number: metric_value(
                metric,
                names.get_indexer(pd.Index(frame.loc[ids, "genre"])),
                proba.loc[ids].to_numpy().argmax(axis=1),
                proba.loc[ids].to_numpy(),
            )
            for number, ids in frame.index.groupby(fold[frame.index]).items()
        }
    )


@pytest.mark.parametrize("name", METRICS)
def test_runs_are_compared_in_every_metric(name: str, runs: dict[str, Path]) -> None:
    metric, column = METRICS[name], METRICS[name].column
    row = compare_runs(list(runs.values()), ["logistic"], metric=name).iloc[0]
    # the runs have the same folds: values, difference, interval and p are of the folds' mean
    by_fold = [fold_values(read_run(run), metric) for run in runs.values()]
    first, second = (row[f"{column}_{name}"] for name in ("first", "second"))
    assert (first, second) == pytest.approx(tuple(values.mean() for values in by_fold))
    assert row["difference"] == pytest.approx(metric.better(first - second))
    assert row["difference"] == pytest.approx(metric.better((by_fold[0] - by_fold[1]).mean()))
    assert row["method"] == "folds"
    assert np.isnan(row["equal"]) == (not metric.percent)  # nobody said which losses do not matter
    assert row["low"] <= row["difference"] <= row["high"]
    assert 0 <= row["p_holm"] <= 1


@pytest.mark.parametrize("name", ["log_loss", "macro_f1"])
def test_an_ablation_is_in_the_metric_that_is_asked(name: str, manifest: Path, tmp_path: Path) -> None:
    more = {"blocks": ["color", "texture"], "classifiers": ["logistic"], "folds": 3, "metric": name}
    folder = ablate(config(manifest, tmp_path, **more), ["alone", "subsets", "greedy"], 1, workers=1)
    metric, board = METRICS[name], pd.read_csv(folder / "leaderboard.csv")
    assert metric.better(board[metric.column]).is_monotonic_decreasing
    pairs = pd.read_csv(folder / "comparisons.csv").set_index(["design", "unit"])["difference"]
    # differences and Shapley values are means over the folds, as their intervals and p are
    means = metric.better(pd.read_csv(folder / "ablation.csv").groupby("units")[metric.column].mean())
    gain = means["color"] - means["none"]
    assert pairs["block alone against chance", "color"] == pytest.approx(gain)
    values = pd.read_csv(folder / "shapley.csv").query("genre == 'all'")["value"]
    assert values.sum() == pytest.approx(means["color+texture"] - means["none"])
    assert metric.gain in (folder / "index.html").read_text()


def test_curves_sweeps_and_searches_are_in_the_metric_that_is_asked(manifest: Path, tmp_path: Path) -> None:
    asked = config(manifest, tmp_path, classifiers=["logistic"], folds=5, metric="log_loss")
    curve = learning_curve(asked, sizes=[30, 36], workers=1)
    law = pd.read_csv(curve / "powerlaw.csv").iloc[0]
    pooled = pd.read_csv(curve / "pooled.csv").query("score == 'log_loss' and size == 36")["value"].item()
    assert law["log_loss"] == pytest.approx(pooled)
    assert "log loss saved" in (curve / "index.html").read_text()

    swept = pd.read_csv(sweep(asked, "logistic", "C", [1e-3, 1.0], workers=1) / "values.csv")
    held_out = swept[swept["covers"] == "validation"]
    assert held_out["best"].idxmax() == held_out["log_loss"].idxmin()
    other = held_out[~held_out["best"].astype(bool)].iloc[0]
    assert other["difference"] == pytest.approx(held_out["log_loss"].min() - other["log_loss"])

    found = search(asked, "logistic", parse_space(["C=0.001,1"]), trials=2)
    trials = pd.read_csv(found / "trials.csv")
    assert "validation log loss" in (found / "index.html").read_text()
    kept = yaml.safe_load((found / "best.yaml").read_text())["classifiers"]["logistic"]["C"]
    assert kept == trials.loc[trials["log_loss"].idxmin(), "C"]


def test_a_prior_that_does_not_name_every_genre_is_refused_before_anything_is_made(
    manifest: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="how common techno should be"):
        train(config(manifest, tmp_path / "out", prior={"dub": 1, "opera": 1}))
    assert not list(tmp_path.rglob("*.parquet"))
