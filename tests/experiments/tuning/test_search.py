"""Searches for parameters on a small drawn collection."""

import hashlib
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from optuna import Study

from coverfusion.data.errors import UserError
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.training.train import train
from coverfusion.experiments.tuning.candidates import Candidates, open_candidates
from coverfusion.experiments.tuning.search import open_study, run_trials, search
from coverfusion.experiments.tuning.search_charts import course_title
from coverfusion.experiments.tuning.search_page import _edge_words, search_findings, write_search_page
from coverfusion.experiments.tuning.search_results import best_trial, held_out_loss, trials_table
from coverfusion.experiments.tuning.search_space import (
    Choice,
    Range,
    SearchSpace,
    params_of,
    parse_space,
    values_of,
)
from coverfusion.experiments.tuning.values import label
from coverfusion.fusion.registry import create, parameters_of
from tests.helpers.charts import chart_words
from tests.helpers.pictures import save_manifest
from tests.helpers.small import config, save_small, tiny_network

SPACE = parse_space(["C=1e-6..10:log", "pca=2..30", "class_weight=balanced,null"])


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("search"))


@pytest.fixture(scope="module")
def study(manifest: Path) -> Path:
    """Eight trials."""
    asked = config(manifest, manifest.parent / "runs", folds=2, classifiers={"logistic": {"pca": 8}})
    return search(asked, "logistic", SPACE, trials=8)


def test_ranges_and_choices_as_they_are_typed() -> None:
    space = parse_space(
        [
            "learning_rate=1e-5..1e-2:log",
            "frozen_stages=0..6",
            "dropout=0..0.5",
            "augmentation=none,mixup",
            "ema=null,0.99",
            "epochs=3",
        ]
    )
    assert space == {
        "learning_rate": Range(1e-5, 1e-2, log=True),
        "frozen_stages": Range(0, 6),
        "dropout": Range(0.0, 0.5),
        "augmentation": Choice(("none", "mixup")),
        "ema": Choice((None, 0.99)),
        "epochs": Choice((3,)),
    }
    assert isinstance(space["frozen_stages"].low, int)
    assert isinstance(space["dropout"].low, float)
    chosen = {"ema": "null", "epochs": "3", "frozen_stages": 2}
    assert values_of(space, chosen) == {"ema": None, "epochs": 3, "frozen_stages": 2}
    assert isinstance(values_of(space, {"frozen_stages": 2.0})["frozen_stages"], int)
    few = {name: space[name] for name in chosen}
    assert params_of(few, {"ema": None, "epochs": 3, "frozen_stages": 2, "C": 1}) == chosen
    assert params_of(few, {"ema": None, "epochs": 3, "frozen_stages": 9}) is None


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["C"], "-p C: write learning_rate="),
        (["C=1..0.1"], "the range is empty"),
        (["C=0..1:log"], "does not begin above 0"),
        (["C=a..b"], "a range is low..high"),
        (["C=1..2:exp"], "a range is low..high"),
        (["C=1..2", "C=1,2"], "C is there twice"),
        (["epochs=3"], "needs a parameter to choose"),
    ],
)
def test_a_space_that_is_none(texts: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_space(texts)


def test_the_first_trial_has_the_classifiers_own_values(study: Path) -> None:
    trials = pd.read_csv(study / "trials.csv", keep_default_na=False)
    assert trials["own"].tolist() == [True] + [False] * 7
    first = trials.iloc[0]
    assert (first["C"], first["pca"], first["class_weight"]) == (1.0, 8, "null")


def test_it_goes_on_as_if_it_had_not_stopped(study: Path, manifest: Path, tmp_path: Path) -> None:
    own = {"C": 1.0, "pca": 8, "class_weight": None}
    candidates = _candidates(manifest, tmp_path, "logistic", own, folds=2)
    for trials in (5, 8):
        found = open_study(candidates, SPACE, own)
        _run(found, candidates, SPACE, trials)
        assert len(found.trials) == trials
    table, whole = (
        trials_table(found, SPACE, METRICS["accuracy"]),
        pd.read_csv(study / "trials.csv", keep_default_na=False),
    )
    assert table["C"].tolist() == [label(C) for C in whole["C"]]
    assert table["pca"].astype(int).tolist() == whole["pca"].tolist()
    np.testing.assert_allclose(table["accuracy"].astype(float), pd.to_numeric(whole["accuracy"]))


def test_the_best_is_a_config_whose_test_covers_nobody_has_seen(study: Path) -> None:
    trials = pd.read_csv(study / "trials.csv", keep_default_na=False)
    (best,) = [row for _, row in trials.iterrows() if row["best"]]
    assert float(best["accuracy"]) == pd.to_numeric(trials["accuracy"]).max()
    found = read_config(study / "best.yaml")
    assert found.folds is None
    assert list(found.classifiers or {}) == ["logistic"]
    chosen = (found.classifiers or {})["logistic"]
    create("logistic", **chosen)
    assert chosen["pca"] == best["pca"]
    assert chosen["C"] == pytest.approx(best["C"], rel=1e-5)
    assert chosen["class_weight"] == {"null": None}.get(best["class_weight"], best["class_weight"])


def test_the_best_is_judged_by_the_test_covers_that_the_search_left_alone(
    study: Path, manifest: Path, tmp_path: Path
) -> None:
    left_alone = _test_covers(study)
    assert left_alone
    rows = pd.read_csv(manifest)
    ids = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in rows["path"]]
    learnt = rows[~pd.Series(ids).isin(left_alone)]
    fewer = save_manifest(tmp_path / "covers.csv", rows.drop(index=learnt.index[:5]).to_dict("records"))
    for source in (manifest, fewer):
        # another seed would draw another split
        run = train(read_config(study / "best.yaml", collection=source, out=tmp_path, seed=7))
        tested = pd.read_parquet(run / "predictions.parquet").query("split == 'test'")["cover_id"]
        assert set(tested) == _test_covers(run) == left_alone


def _test_covers(folder: Path) -> set[str]:
    saved = pd.read_parquet(folder / "splits.parquet")
    return set(saved.loc[saved["split"] == "test", "cover_id"])


def test_the_page_says_it(study: Path) -> None:
    page = (study / "index.html").read_text()
    said = search_findings(study)
    assert said[-1] == "8 trials: 7 finished, 1 stopped."
    for sentence in said:
        assert sentence.replace("'", "&#39;") in page
    course, importance_words, *parameters = chart_words(page)
    explained = page.replace("\n", " ")
    best = pd.read_csv(study / "best.csv").query("covers == 'validation'").set_index("value")
    chooses = best.loc["best", "n"] >= 30
    assert "trials have means over the folds" in explained  # and the findings pool them
    assert ("corrected figure" in explained) == any("corrected, " in each for each in said)
    assert ("what the search brought" in explained) == any("the search brought" in each for each in said)
    assert ("coverfusion train best.yaml" in explained) == chooses
    assert course.startswith("The course of the search")
    # trials are judged by the folds' mean, findings are of all folds together
    head = page[page.index("<h2>Every trial") :]
    assert "<th>validation accuracy, %, mean of folds</th>" in head
    assert all("validation accuracy, %, mean of folds" in words for words in (course, *parameters))
    assert "folds" not in course_title(METRICS["accuracy"], 1)
    assert importance_words.startswith("Which parameter mattered")
    assert all("finished trial: at " in words for words in parameters)
    assert "http" not in page.replace("http-equiv", "")
    for name in ("history.svg", "importance.svg"):
        assert (study / "figures" / name).is_file()
    importance = pd.read_csv(study / "importance.csv")
    assert importance["importance"].sum() == pytest.approx(1)


def test_few_covers_explain_nothing_that_is_not_there(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    shutil.copytree(study, folder)
    best = pd.read_csv(folder / "best.csv", dtype={"value": str})
    best.loc[best["covers"] == "validation", "n"] = 29
    best.to_csv(folder / "best.csv", index=False)
    write_search_page(folder)
    page = (folder / "index.html").read_text()
    assert "29 validation covers: too few to choose by" in page
    for words in ("corrected figure", "what the search brought", "best.yaml"):
        assert words not in page
    assert "PED-ANOVA" in page  # which is of a chart that stands there


def test_a_space_that_is_used_up_ends_the_search(manifest: Path, tmp_path: Path) -> None:
    space = parse_space(["k=1,15"])
    candidates = _candidates(manifest, tmp_path, "knn", {"k": 1})
    study = open_study(candidates, space, {})
    _run(study, candidates, space)
    assert sorted(trials_table(study, space, METRICS["accuracy"])["k"]) == ["1", "15"]


def test_of_equal_trials_the_one_with_the_lower_log_loss_is_best(manifest: Path, tmp_path: Path) -> None:
    space = parse_space(["C=1.0,0.9,0.95"])
    candidates = _candidates(manifest, tmp_path, "logistic", {"C": 1.0})
    study = open_study(candidates, space, {})
    _run(study, candidates, space)
    trials = study.get_trials()
    assert len({trial.value for trial in trials if trial.value is not None}) == 1
    losses = {C: held_out_loss(candidates, {"C": C}) for C in (0.9, 0.95, 1.0)}
    assert len(set(losses.values())) == 3
    best = best_trial(study, candidates, space)
    assert float(best.params["C"]) == min(losses, key=lambda C: losses[C])


def test_a_best_at_the_end_of_its_range_is_told() -> None:
    log = {"low": 0.0001, "high": 1.0, "log": True}
    assert "upper end of its range" in _edge_words("C", log, "1")
    assert "lower end" in _edge_words("C", log, "0.000101")
    assert _edge_words("C", log, "0.01") == ""
    assert "lower end" in _edge_words("k", {"low": 1, "high": 15, "log": False}, "1")
    assert _edge_words("kind", {"values": ["a", "b"]}, "a") == ""


def _candidates(manifest: Path, out: Path, classifier: str, some: dict[str, Any], **more: Any) -> Candidates:
    with open_candidates("search", config(manifest, out, **more), classifier, some, {}) as candidates:
        return candidates


def _run(study: Study, candidates: Candidates, space: SearchSpace, trials: int | None = None) -> None:
    run_trials(study, candidates, space, time.monotonic() + 600, trials, lambda done: None)


def test_a_bad_trial_ends_after_its_first_fold(manifest: Path, tmp_path: Path) -> None:
    space = parse_space(["C=1e-9..10:log"])
    candidates = _candidates(manifest, tmp_path, "logistic", {"C": 1.0}, folds=2)
    study = open_study(candidates, space, {})
    # balanced weights would save it: with none, a strong penalty says one genre to all
    candidates.config.classifiers["logistic"]["class_weight"] = {"dub": 1.0, "opera": 1.0, "techno": 1.001}
    for C in (1.0, 2.0, 3.0, 4.0, 5.0, 1e-9):
        study.enqueue_trial({"C": C})
    _run(study, candidates, space, 6)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 5 + ["PRUNED"]
    assert list(study.trials[-1].intermediate_values) == [1]


def test_a_training_that_is_cut_off_goes_on_after_its_epoch(manifest: Path, tmp_path: Path) -> None:
    given = tiny_network(tmp_path) | {"epochs": 2, "patience": 2}
    space = parse_space(["focal_gamma=0..2"])
    candidates = _candidates(
        manifest, tmp_path / "out", "finetune", {"focal_gamma": 0}, classifiers={"finetune": given}
    )
    own = parameters_of("finetune") | given
    study = open_study(candidates, space, own)
    deadline = time.monotonic() + 1
    candidates.fits.watch = lambda *told: time.sleep(max(0.0, deadline - time.monotonic()))
    run_trials(study, candidates, space, deadline, 1, lambda done: None)
    candidates.fits.watch = None
    assert [trial.state.name for trial in study.trials] == ["FAIL"]
    known = study.trials[0].intermediate_values
    assert list(known) == [1]
    study = open_study(candidates, space, own)
    _run(study, candidates, space, 1)
    last = study.trials[-1]
    assert last.state.name == "COMPLETE"
    assert last.params == {"focal_gamma": 0}
    assert last.user_attrs["own"]
    assert last.intermediate_values[1] == known[1]
    assert list(last.intermediate_values) == [1, 2]
    history = next(candidates.folder.rglob("history.csv"))
    assert pd.read_csv(history)["epoch"].tolist() == [1, 2]
    assert not list(candidates.folder.rglob("checkpoint.pt"))


def test_what_no_trial_can_do_is_said(manifest: Path, tmp_path: Path) -> None:
    asked = config(manifest, tmp_path)
    with pytest.raises(UserError, match=r"catboost cannot be fitted with iterations=\d+, depth=50: "):
        search(asked, "catboost", parse_space(["iterations=1..9", "depth=50"]))
    with pytest.raises(UserError, match=r"Classifier 'knn': metric must be .*euclid"):
        search(asked, "knn", parse_space(["k=1..9", "metric=euclid"]))
    with pytest.raises(UserError, match="Did you mean 'k'"):
        search(asked, "knn", parse_space(["kk=1..9"]))
    with pytest.raises(UserError, match="needs time"):
        search(asked, "knn", parse_space(["k=1..9"]), minutes=0)
