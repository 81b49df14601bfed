"""Studies learn from a genre of fewer groups than folds, test the others, and say which one is untested."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.csv_files import read_csv
from coverfusion.experiments.ablation.study import ablate
from coverfusion.experiments.comparison.compare import compare_runs
from coverfusion.experiments.curve.study import learning_curve
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.training.train import train
from coverfusion.experiments.tuning.search import search
from coverfusion.experiments.tuning.search_space import parse_space
from coverfusion.experiments.tuning.sweep import sweep
from tests.helpers.small import config, save_small

SAID = "Too few covers of techno to test on: the scores say nothing about it."


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of techno two pairs of covers, of the others fifteen."""
    path = save_small(tmp_path_factory.mktemp("untested"))
    covers = pd.read_csv(path)
    few = covers[covers["genre"] == "techno"].iloc[4:]
    covers.drop(index=few.index).to_csv(path, index=False)
    return path


def _ablate(asked: Config) -> Path:
    return ablate(asked, ["alone", "without", "subsets", "greedy"], repeats=2, workers=1)


def _curve(asked: Config) -> Path:
    return learning_curve(asked, balances=("none", "weights"), workers=1)


def _sweep(asked: Config) -> Path:
    return sweep(asked, "logistic", "C", [0.1, 1.0], workers=1)


def _search(asked: Config) -> Path:
    return search(asked, "logistic", parse_space(["C=0.1,1"]), trials=2)


@pytest.mark.parametrize(
    ("study", "files"),
    [
        (_ablate, ["ablation", "leaderboard", "comparisons", "genres", "shapley"]),
        (_curve, ["curve", "pooled", "powerlaw", "balance"]),
        (_sweep, ["folds", "values"]),
        (_search, ["best"]),
    ],
)
def test_a_study_says_which_genre_it_does_not_test(
    study: Callable[[Config], Path],
    files: list[str],
    manifest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = config(manifest, tmp_path, blocks=["color", "texture"], classifiers=["logistic"], folds=3)
    folder = study(asked)
    assert SAID in " ".join(capsys.readouterr().out.split())
    assert SAID in json.loads((folder / "collection.json").read_text())["note"]
    page = (folder / "index.html").read_text()
    assert SAID in page
    assert "-1 folds" not in page
    assert "4 folds" not in page
    for name in files:  # no number that could be taken for a score of it
        table = read_csv(folder / f"{name}.csv")
        assert not [column for column in table.columns if "techno" in column]
        assert "genre" not in table or "techno" not in set(table["genre"])
        for score in ("accuracy", "f1_macro", "difference"):
            assert score not in table or table[score].notna().any()


def test_an_ablation_counts_tested_covers_alone(manifest: Path, tmp_path: Path) -> None:
    asked = config(manifest, tmp_path, classifiers=["logistic"], folds=3)
    study = ablate(asked, ["alone"], workers=1)
    run = train(asked)
    whole = pd.read_csv(study / "leaderboard.csv").set_index(["classifier", "units"])
    folds = pd.read_csv(study / "ablation.csv")
    first = folds[(folds["classifier"] == "logistic") & (folds["repeat"] == 0)]
    # the first repeat has the run's folds
    board = pd.read_csv(run / "leaderboard.csv").iloc[0]
    assert np.average(first["accuracy"], weights=first["test_covers"]) == pytest.approx(board["accuracy"])
    assert (folds["train_covers"] + folds["test_covers"] == 64).all()
    assert whole.loc[("largest genre", "none"), "accuracy"] <= 0.5


def test_runs_with_an_untested_genre_are_compared_over_their_folds(manifest: Path, tmp_path: Path) -> None:
    runs = [
        train(config(manifest, tmp_path, blocks=[block], classifiers=["logistic"], folds=3))
        for block in ("color", "texture")
    ]
    row = compare_runs(runs).iloc[0]
    assert row["method"] == "folds"
    assert row["accuracy_first"] > 0.5
