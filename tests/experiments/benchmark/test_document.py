"""The document's way from pictures to a leaderboard, command by command, and a run's way into a task."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.experiments.benchmark.from_runs import predictions_of_run
from coverfusion.experiments.benchmark.task import read_task
from coverfusion.experiments.cli import app
from coverfusion.experiments.examples.plain_systems import main
from tests.helpers.tasks import COLOURS, poster, save_posters

README = Path(__file__).parents[3] / "experiments/benchmark/README.md"
SECTION = README.read_text().partition("\n## A task of your own")[2].partition("\n## The files")[0]


def _run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, f"{words}\n{done.output}\n{done.exception!r}"
    return done.output


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with 60 posters in which everything of the document was done."""
    folder, before = tmp_path_factory.mktemp("document"), Path.cwd()
    os.chdir(folder)
    store = os.environ.get("COVERFUSION_STORE")
    os.environ["COVERFUSION_STORE"] = str(folder / "store")
    try:
        save_posters(folder / "posters", each=20)
        for language, code in re.findall(r"```(\w+)\n(.*?)```", SECTION, flags=re.DOTALL):
            if language == "python":
                exec(compile(code, "README.md", "exec"), {})
            else:
                for line in code.strip().splitlines():
                    _run(*shlex.split(line)[1:])
        yield folder
    finally:
        os.chdir(before)
        os.environ.pop("COVERFUSION_STORE", None)
        if store is not None:
            os.environ["COVERFUSION_STORE"] = store


@pytest.mark.slow
def test_the_document_leads_to_a_leaderboard(place: Path) -> None:
    board = pd.read_csv(place / "leaderboard" / "leaderboard.csv").set_index("system")
    assert set(board.index) == {"logistic", "knn", "Forest on 64 pixels", "guessing"}
    assert board.loc["guessing", "accuracy"] == pytest.approx(1 / 3)
    assert board.loc["logistic", "accuracy"] > 0.8  # a genre has its colour
    assert (place / "leaderboard" / "index.html").is_file()
    assert not [file for file in place.joinpath("task").iterdir() if file.suffix in (".jpg", ".png")]


@pytest.mark.slow
def test_a_runs_submission_has_the_runs_scores(place: Path) -> None:
    run = pd.read_csv(place / "runs" / "mine" / "leaderboard.csv").set_index("classifier")
    board = pd.read_csv(place / "leaderboard" / "leaderboard.csv").set_index("system")
    for name in ("logistic", "knn"):
        assert board.loc[name, "accuracy"] == pytest.approx(run.loc[name, "accuracy"])
        assert board.loc[name, "log_loss"] == pytest.approx(run.loc[name, "log_loss"], abs=1e-3)


@pytest.mark.slow
def test_a_run_with_other_folds_is_refused(place: Path) -> None:
    task = read_task(place / "task")
    few = ["-b", "color", "-c", "knn"]
    _run("train", "posters", *few, "--folds", "3", "--seed", "7", "--name", "other")
    with pytest.raises(UserError, match=r"has other folds than the task. Train with the --split-file"):
        predictions_of_run(task, place / "runs" / "other")
    _run("train", "posters", *few, "--name", "single")
    with pytest.raises(UserError, match=r"has one split, and the task has 3 folds"):
        predictions_of_run(task, place / "runs" / "single")


@pytest.mark.slow
def test_a_run_that_learnt_from_more_says_so(place: Path) -> None:
    task = read_task(place / "task")
    [mine] = predictions_of_run(task, place / "runs" / "mine", ["logistic"]).values()
    assert mine.trained_on == "the task's other folds"
    shutil.copytree(place / "posters", place / "more")
    for number, genre in enumerate(COLOURS):
        poster(genre, 100 + number).save(place / "more" / genre / "new.png")
    folds = ["--split-file", "laid/splits.parquet"]
    _run("train", "more", *folds, "-b", "color", "-c", "knn", "--name", "more")
    learnt = predictions_of_run(task, place / "runs" / "more")["knn"]
    assert learnt.trained_on == "the task's other folds, and 3 pictures that the task lacks"
    assert len(learnt.table) == 60


@pytest.mark.slow
def test_plain_systems_predict_out_of_fold(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systems = ["--system", "FAISS neighbours", "--system", "random forest"]
    monkeypatch.setattr(sys, "argv", ["plain_systems.py", "laid/manifest.csv", "--block", "color", *systems])
    main()
    for name in ("FAISS-neighbours", "random-forest"):
        said = _run(
            "benchmark", "submit", "task", f"predictions/{name}.csv", "--name", name, "--out", "plain"
        )
        value = float(re.search(r"accuracy ([\d.]+)", said)[1])  # type: ignore[index]
        assert value > 80
    frame = pd.read_csv("predictions/random-forest.csv")
    assert len(frame) == 60
    np.testing.assert_allclose(frame.drop(columns="cover_id").sum(axis=1), 1)
