"""Runs on small drawn collections, of one split and of folds, and the decision study of one."""

from pathlib import Path

import pytest

from coverfusion.experiments.decision.study import decide
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.training.train import train
from tests.helpers.decided_runs import COLOURS, confusable_cover
from tests.helpers.pictures import save_folders


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drawn = {genre: [confusable_cover(colour, n) for n in range(60)] for genre, colour in COLOURS.items()}
    return save_folders(tmp_path_factory.mktemp("decide") / "covers", drawn)


@pytest.fixture(scope="session")
def runs(collection: Path) -> dict[str, Path]:
    made = {}
    for name, more in {"split": {}, "folds": {"folds": 3}}.items():
        config = make_config(
            "test",
            collection=collection,
            out=collection.parent / name,
            store=collection.parent / "store",
            blocks=["color"],
            classifiers=["logistic", "knn"],
            **more,
        )
        made[name] = train(config)
    return made


@pytest.fixture(scope="session")
def study(runs: dict[str, Path]) -> Path:
    return decide(runs["folds"])
