"""Finished runs on small pictures, for all tests of the app."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coverfusion.experiments.app.loaded_model import LoadedModel, read_model
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.training.train import train
from tests.helpers.app_covers import GENRES, NOTE, app_cover
from tests.helpers.many import save_many, train_many
from tests.helpers.pictures import save_folders


@pytest.fixture(autouse=True)
def _main_stays() -> Iterator[None]:
    """streamlit makes each page `__main__`, which the processes that a later test starts would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("app")
    save_folders(folder / "covers", {genre: [app_cover(genre, n) for n in range(20)] for genre in GENRES})
    config = make_config(
        "test",
        collection=folder / "covers",
        out=folder / "runs",
        store=folder / "store",
        classifiers=["logistic"],
        alone=[],
        blocks=["color", "texture"],
    )
    return train(config, note=NOTE)


@pytest.fixture(scope="package")
def many_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on covers of several genres."""
    return train_many(save_many(tmp_path_factory.mktemp("many") / "covers"))


@pytest.fixture(scope="package")
def model(run: Path) -> LoadedModel:
    return read_model(run / "bundle")
