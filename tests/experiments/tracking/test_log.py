"""Results in MLflow: in SQLite, in PostgreSQL, and as a model that is loaded and served."""

import base64
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.scoring.score import score
from coverfusion.experiments.tracking.log import files_place, log_folder
from coverfusion.experiments.training.train import train
from tests.helpers import postgres
from tests.helpers.pictures import noise, save_folders, solid

GENRES = {"dub & bass": (30, 120, 40), "opera": (150, 30, 40)}


def _has_mlflow() -> bool:
    try:
        return int(metadata.version("mlflow").split(".")[0]) >= 3
    except metadata.PackageNotFoundError:
        return False


needs_mlflow = pytest.mark.skipif(not _has_mlflow(), reason="MLflow 3 is not installed (extra `tracking`)")


def _cover(genre: str, number: int) -> PIL.Image.Image:
    seed = 100 * list(GENRES).index(genre) + number
    shift = np.random.default_rng(seed).integers(-80, 80, 3)
    colour = tuple(int(v) for v in np.clip(np.array(GENRES[genre]) + shift, 0, 255))
    return PIL.Image.blend(noise(seed, (48, 48)), solid(colour, (48, 48)), 0.7)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = {genre: [_cover(genre, n) for n in range(20)] for genre in GENRES}
    return save_folders(tmp_path_factory.mktemp("c") / "covers", pictures)


@pytest.fixture(scope="module")
def run(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("r")
    config = make_config(
        "test",
        collection=collection,
        out=out / "runs",
        store=out / "store",
        blocks=["color"],
        classifiers=["logistic", "knn"],
        alone=[],
        folds=2,
    )
    return train(config)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('tracking') / 'mlflow.db'}"


@pytest.fixture
def client(sqlite: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(sqlite)


@pytest.fixture(scope="module")
def run_id(run: Path, sqlite: str) -> str:
    return log_folder(run, sqlite)


def _fold_accuracies(run: Path, classifier: str) -> list[float]:
    """Accuracy of each fold, by hand from the run's own files."""
    predictions = pd.read_parquet(run / "predictions.parquet")
    mine = predictions[predictions["classifier"] == classifier].set_index("cover_id")
    fold = pd.read_parquet(run / "splits.parquet").set_index("cover_id")["fold"]
    right = mine["genre"] == mine["predicted"]
    return [float(right[fold[right.index] == number].mean()) for number in range(2)]


def tracked_model(uri: str, run_id: str) -> Any:
    """The model of a run; where MLflow tracks is afterwards as it was."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        return mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    finally:
        mlflow.set_tracking_uri(before)


@needs_mlflow
def test_parameters_and_metrics_come_back(run: Path, run_id: str, client: Any) -> None:
    logged = client.get_run(run_id)
    chosen = json.loads((run / "metrics.json").read_text())["chosen"]["classifier"]
    assert logged.info.status == "FINISHED"
    assert logged.data.params["seed"] == "0"
    assert logged.data.params["folds"] == "2"
    assert logged.data.params["chosen.classifier"] == chosen
    board = pd.read_csv(run / "leaderboard.csv").set_index("classifier")
    assert logged.data.metrics["folds/accuracy"] == pytest.approx(board.loc[chosen, "accuracy"])
    assert logged.data.metrics["folds/accuracy_low"] == pytest.approx(board.loc[chosen, "accuracy_low"])
    # a sign that MLflow does not take in names
    assert "folds/f1/dub _ bass" in logged.data.metrics


@needs_mlflow
def test_each_model_is_a_child_with_every_fold(run: Path, run_id: str, client: Any) -> None:
    experiment = client.get_run(run_id).info.experiment_id
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    assert {child.data.params["classifier"] for child in children} == {"logistic", "knn"}
    for child in children:
        history = client.get_metric_history(child.info.run_id, "each_fold/accuracy")
        by_fold = {metric.step: metric.value for metric in history}
        expected = _fold_accuracies(run, child.data.params["classifier"])
        assert by_fold == {0: pytest.approx(expected[0]), 1: pytest.approx(expected[1])}


@needs_mlflow
def test_files_are_kept_with_the_run(run: Path, run_id: str, client: Any, tmp_path: Path) -> None:
    names = {file.path for file in client.list_artifacts(run_id)}
    assert {"report.html", "figures", "leaderboard.csv", "config.yaml", "environment.json"} <= names
    assert "bundle" not in names  # it is the model
    got = Path(client.download_artifacts(run_id, "leaderboard.csv", str(tmp_path)))
    assert got.read_bytes() == (run / "leaderboard.csv").read_bytes()


@needs_mlflow
def test_the_same_result_is_not_logged_twice_a_changed_one_is(
    run_id: str, run: Path, sqlite: str, collection: Path, client: Any, tmp_path: Path
) -> None:
    assert log_folder(run, sqlite) == run_id
    scores = tmp_path / "scores.csv"
    score(run / "bundle", iter([str(collection / "opera" / "000.jpg")]), scores)
    first = log_folder(scores, sqlite)
    assert log_folder(scores, sqlite) == first
    scores.write_text(scores.read_text() + scores.read_text().splitlines()[1] + "\n")
    again = log_folder(scores, sqlite)
    assert again != first
    assert client.get_run(again).data.metrics["rows"] == 2
    assert client.get_run(first).data.metrics["rows"] == 1


@needs_mlflow
def test_a_stopped_logging_does_not_count(
    collection: Path, run: Path, sqlite: str, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    scores = tmp_path / "scores.jsonl"
    score(run / "bundle", iter([str(collection / "opera" / "001.jpg")]), scores)
    with monkeypatch.context() as patch:

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(MlflowClient, "log_artifact", stop)
        with pytest.raises(KeyboardInterrupt):
            log_folder(scores, sqlite, "stopped")
    done = log_folder(scores, sqlite, "stopped")
    experiment = client.get_experiment_by_name("stopped").experiment_id
    statuses = {found.info.run_id: found.info.status for found in client.search_runs([experiment])}
    assert len(statuses) == 2
    assert statuses.pop(done) == "FINISHED"
    assert list(statuses.values()) == ["FAILED"]


@needs_mlflow
def test_the_place_of_files_is_told(run_id: str, sqlite: str, client: Any) -> None:
    place = Path(files_place(sqlite))
    assert place.parent.parent == Path(sqlite.removeprefix("sqlite:///")).parent
    assert (place / run_id / "artifacts" / "report.html").is_file()


@needs_mlflow
def test_the_model_predicts_what_score_does(
    run: Path, run_id: str, sqlite: str, collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    paths = [str(collection / genre / f"00{n}.jpg") for genre in GENRES for n in range(3)]
    paths.append(str(tmp_path / "nowhere.jpg"))
    score(run / "bundle", iter(paths), tmp_path / "scores.parquet", top_k=2)
    expected = pd.read_parquet(tmp_path / "scores.parquet")
    model = tracked_model(sqlite, run_id)
    unread = model.predict(pd.DataFrame({"path": [*paths[:1], "https://127.0.0.1:9/x.jpg"]}))
    assert unread["path"].tolist() == [paths[0], "https://127.0.0.1:9/x.jpg"]
    assert unread["genre_1"].isna().all()
    assert unread["error"].str.contains("COVERFUSION_READ_PATHS").all()
    monkeypatch.setenv("COVERFUSION_READ_PATHS", "1")
    by_path = model.predict(pd.DataFrame({"path": paths}), params={"top_k": 2})
    pd.testing.assert_frame_equal(by_path, expected, check_dtype=False)
    images = [base64.b64encode(Path(path).read_bytes()).decode() for path in paths[:-1]] + ["no base64"]
    by_image = model.predict(pd.DataFrame({"image": images}), params={"top_k": 2})
    pd.testing.assert_frame_equal(
        by_image.drop(columns=["path", "error"]), expected.drop(columns=["path", "error"]), check_dtype=False
    )
    assert by_image["error"].iloc[-1] == "image is not base64"


@needs_mlflow
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("mysql+nodriver://me:secret@127.0.0.1/db", "mysql+nodriver://me:...@127.0.0.1/db failed"),
        ("postgresql+psycopg://me:secret@127.0.0.1:9/db", "postgresql+psycopg://me:...@127.0.0.1:9/db"),
        ("http://me:secret@127.0.0.1:9", "http://me:...@127.0.0.1:9 failed"),
    ],
)
def test_a_store_that_cannot_be_reached_is_named_without_its_password(
    uri: str, reason: str, run: Path
) -> None:
    with pytest.raises(UserError) as found:
        log_folder(run, uri)
    assert f"Tracking in {reason}" in str(found.value)
    assert "secret" not in str(found.value)


def test_without_mlflow_the_extra_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(UserError, match=r"pip install 'coverfusion\[tracking\]'"):
        log_folder(run)


@pytest.fixture
def database() -> Iterator[str]:
    if not _has_mlflow() or importlib.util.find_spec("psycopg") is None:
        pytest.skip("MLflow 3 and psycopg are not installed (extra `tracking`)")
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.server() as uri:
        yield uri


@pytest.mark.slow
def test_postgresql_holds_the_run(
    run: Path, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.chdir(tmp_path)  # MLflow keeps files of a database's experiments in the working directory
    run_id = log_folder(run, database)
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        parameters = dict(
            connection.execute("select key, value from params where run_uuid = %s", [run_id]).fetchall()
        )
        accuracies = connection.execute(
            """select p.value, m.step, m.value from metrics m join params p using (run_uuid)
            join tags t using (run_uuid)
            where t.key = 'mlflow.parentRunId' and t.value = %s
            and p.key = 'classifier' and m.key = 'each_fold/accuracy' order by 1, 2""",
            [run_id],
        ).fetchall()
        statuses = connection.execute("select distinct status from runs").fetchall()
    assert parameters["seed"] == "0"
    chosen = json.loads((run / "metrics.json").read_text())["chosen"]["classifier"]
    assert parameters["chosen.classifier"] == chosen
    assert accuracies == [
        (name, fold, pytest.approx(value))
        for name in ("knn", "logistic")
        for fold, value in enumerate(_fold_accuracies(run, name))
    ]
    assert statuses == [("FINISHED",)]
    assert log_folder(run, database) == run_id
    wrong = database.replace("coverfusion:", "coverfusion:wrong")
    with pytest.raises(UserError, match="Tracking in postgresql"):
        log_folder(run, wrong)


@pytest.mark.slow
@needs_mlflow
def test_the_model_is_served(run: Path, run_id: str, sqlite: str, collection: Path, tmp_path: Path) -> None:
    score(run / "bundle", iter([str(collection / "opera" / "000.jpg")]), tmp_path / "scores.parquet")
    expected = pd.read_parquet(tmp_path / "scores.parquet").iloc[0]
    image = base64.b64encode((collection / "opera" / "000.jpg").read_bytes()).decode()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "models",
        "serve",
        "-m",
        f"runs:/{run_id}/model",
        "--env-manager",
        "local",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": sqlite,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        answer = _ask(port, {"dataframe_records": [{"image": image}]}, server, tmp_path / "log")
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)
    row = answer["predictions"][0]
    assert row["genre_1"] == expected["genre_1"]
    assert row["probability_1"] == pytest.approx(expected["probability_1"])


def _ask(port: int, question: dict, server: subprocess.Popen, log: Path) -> dict:
    """Waits for the server and posts one question."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
            break
        except OSError:
            time.sleep(0.5)
    else:
        raise AssertionError(log.read_text())
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        json.dumps(question).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)
