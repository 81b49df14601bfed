"""Finished results in MLflow: parameters, metrics per fold, files, and the bundle as a model."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pandas as pd
from PIL import Image

import coverfusion
from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.scoring.score import bundle_extractors, rows_name
from coverfusion.experiments.tracking.results import Metric, TrackedResult, read_result, result_digest
from coverfusion.fusion.bundle import load_bundle

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DEFAULT_EXPERIMENT = "coverfusion"
DEFAULT_URI = "sqlite:///mlflow.db"  # in the working directory, where `mlflow ui` looks too
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
DIGEST_TAG = "coverfusion.digest"
PACKAGE_FOLDERS = ("data", "features", "fusion", "experiments")
MLFLOW_SETTINGS = {  # unless the environment says otherwise
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
MAX_NAME_LETTERS = 250  # letters of a run's name
MAX_METRICS, MAX_PARAMETERS = 1000, 100  # that MLflow takes at once


def tracking_address(tracking_uri: str | None = None) -> str:
    """The MLflow server or database that is logged to, if this one was named."""
    return tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def log_folder(
    place: str | os.PathLike[str], tracking_uri: str | None = None, experiment: str = DEFAULT_EXPERIMENT
) -> str:
    """Logs a finished result, with a child run for each model; one that is there already is not logged again.

    Args:
        place: a folder of `coverfusion train`, `ablate` or `curve`, or a file of `coverfusion score`.
        tracking_uri: an MLflow server or database (`postgresql+psycopg://user@host/name`); None:
            MLFLOW_TRACKING_URI if set, else `mlflow.db` in the working directory.
        experiment: the experiment's name; made if it is not there.

    Returns:
        The id of the run.

    Raises:
        UserError: MLflow or a database driver is not installed; `place` is no finished result, or its bundle
            was made with other weights or another version; the server cannot be reached or refuses.
    """
    _require_mlflow()
    uri = tracking_address(tracking_uri)
    result = read_result(place)
    if result.bundle is not None:
        bundle_extractors(load_bundle(result.bundle))  # a model that could not be loaded is no use there
    digest = result_digest(place)
    with _tracking(uri) as client:
        number = _experiment(client, experiment, uri)
        known = client.search_runs([number], f"tags.`{DIGEST_TAG}` = '{digest}'", max_results=1)
        if known:
            return str(known[0].info.run_id)
        run_id = _log(client, number, result)
        # last, so that a run whose logging was stopped does not count as logged
        client.set_tag(run_id, DIGEST_TAG, digest)
        return run_id


def files_place(tracking_uri: str | None = None, experiment: str = DEFAULT_EXPERIMENT) -> str:
    """Where an experiment that was logged to keeps files and models: a folder, or an address.

    Raises:
        UserError: the server cannot be reached, or has no such experiment.
    """
    with _tracking(tracking_address(tracking_uri)) as client:
        known = client.get_experiment_by_name(experiment)
    if known is None:
        raise UserError(f"There is no experiment '{experiment}'.")
    place = str(known.artifact_location)
    return url2pathname(urlsplit(place).path) if place.startswith("file:") else place


def _log(client: MlflowClient, experiment: str, result: TrackedResult) -> str:
    run_id = _start(client, experiment, result, {})
    try:
        with counted("tracking", len(result.children) + len(result.files) + bool(result.bundle)) as bar:
            for child in result.children:
                tags = {"mlflow.parentRunId": run_id}
                client.set_terminated(_start(client, experiment, child, tags))
                bar.advance(bar.task_ids[0])
            for path in result.files:
                if path.is_dir():
                    client.log_artifacts(run_id, str(path), path.name)
                else:
                    client.log_artifact(run_id, str(path))
                bar.advance(bar.task_ids[0])
            if result.bundle is not None:
                log_bundle(result.bundle, run_id)
                bar.advance(bar.task_ids[0])
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id)
    return run_id


def _start(client: MlflowClient, experiment: str, result: TrackedResult, tags: dict[str, str]) -> str:
    """Makes a run and logs its parameters and metrics."""
    from mlflow.entities import Param

    note = {"mlflow.note.content": result.note} if result.note else {}
    run = client.create_run(
        experiment,
        tags={"coverfusion.kind": result.kind, **note, **tags},
        run_name=result.name[:MAX_NAME_LETTERS],
    )
    run_id = str(run.info.run_id)
    parameters = [Param(_name(key), value) for key, value in result.parameters.items()]
    metrics = _metrics(result.metrics, run.info.start_time)
    for start in range(0, len(parameters), MAX_PARAMETERS):
        client.log_batch(run_id, params=parameters[start : start + MAX_PARAMETERS])
    for start in range(0, len(metrics), MAX_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + MAX_METRICS])
    return run_id


def _metrics(metrics: list[Metric], time: int) -> list[Any]:
    from mlflow.entities import Metric as Logged

    # NaN says that there is no such number
    return [Logged(_name(m.name), m.value, time, m.step) for m in metrics if m.value == m.value]


def log_bundle(bundle: Path, run_id: str) -> None:
    """Logs a bundle as the run's `model`, with the code and the package versions that it needs.

    Args:
        bundle: of a run.
        run_id: an MLflow run; the tracking URI must be set.
    """
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    signature = ModelSignature(
        inputs=Schema(
            [ColSpec("string", "path", required=False), ColSpec("string", "image", required=False)]
        ),
        params=ParamSchema([ParamSpec("top_k", "long", rows_name(load_bundle(bundle), None))]),
    )
    with mlflow.start_run(run_id=run_id), tempfile.TemporaryDirectory() as folder:
        mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("model.py")),
            artifacts={"bundle": str(bundle)},
            code_paths=[str(_copy_of_the_package(Path(folder)))],
            pip_requirements=_requirements(),
            signature=signature,
            input_example=_example(),
        )


def _copy_of_the_package(folder: Path) -> Path:
    """The package as a wheel lays it out; in a checkout its folders lie elsewhere."""
    copied = folder / "coverfusion"
    for name in (coverfusion.__name__, *(f"coverfusion.{part}" for part in PACKAGE_FOLDERS)):
        source = Path(import_module(name).__path__[0])
        inner = copied.joinpath(*name.split(".")[1:])
        shutil.copytree(source, inner, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    return copied


def _example() -> pd.DataFrame:
    """A row as the model takes it: a black picture of one pixel, by its bytes."""
    picture = io.BytesIO()
    Image.new("RGB", (1, 1)).save(picture, "PNG")
    return pd.DataFrame({"image": [base64.b64encode(picture.getvalue()).decode()]})


def _requirements() -> list[str]:
    """MLflow and every package that coverfusion needs, at the version that is installed."""
    needed = [
        re.split(r"[ ;<>=!~\[]", line)[0]
        for line in metadata.requires("coverfusion") or []
        if "extra ==" not in line
    ]
    return [f"{name}=={metadata.version(name)}" for name in ["mlflow", *needed]]


@contextmanager
def _tracking(uri: str) -> Iterator[MlflowClient]:
    """MLflow with this store, without its messages home; its errors become UserErrors."""
    for name, value in MLFLOW_SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    before = mlflow.get_tracking_uri()
    try:
        _reach(uri)
        mlflow.set_tracking_uri(uri)
        yield mlflow.MlflowClient()
    except (MlflowException, SQLAlchemyError) as error:
        raise UserError(_without_password(f"Tracking in {uri} failed: {_first_line(error)}")) from error
    except ModuleNotFoundError as error:
        raise UserError(
            f"Tracking in {_without_password(uri)} needs the package '{error.name}'. "
            f'Install it with `pip install "coverfusion[tracking]"`; for PostgreSQL write postgresql+psycopg://.'
        ) from error
    finally:
        mlflow.set_tracking_uri(before)


def _reach(uri: str) -> None:
    """Tries a database once; MLflow itself would try for minutes."""
    import sqlalchemy

    if file := _sqlite_file(uri):
        file.parent.mkdir(parents=True, exist_ok=True)
    if uri.split(":")[0].split("+")[0] in DATABASES:
        engine = sqlalchemy.create_engine(uri)
        engine.connect().close()
        engine.dispose()


def _sqlite_file(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")).absolute() if uri.startswith("sqlite:///") else None


def _experiment(client: MlflowClient, name: str, uri: str) -> str:
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    file = _sqlite_file(uri)
    # beside the database rather than in today's working directory; elsewhere the server's own choice
    location = (file.parent / "mlartifacts" / name).as_uri() if file else None
    return str(client.create_experiment(name, location))


def _require_mlflow() -> None:
    try:
        version = metadata.version("mlflow")
    except metadata.PackageNotFoundError:
        version = "0"
    if int(version.split(".")[0]) < 3:
        raise UserError("Tracking needs MLflow 3: pip install 'coverfusion[tracking]'")


def _name(text: str) -> str:
    """A name as MLflow takes it: letters, digits, and a few signs."""
    return re.sub(r"[^/\w.\- :]", "_", text)[:MAX_NAME_LETTERS]


def _without_password(text: str) -> str:
    return re.sub(r"(://[^/:@\s]+):[^@\s]*@", r"\1:...@", text)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
