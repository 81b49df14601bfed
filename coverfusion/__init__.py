"""Tells what an album cover says about its music, by fusing independent features of the picture.

    import coverfusion as cf

    collection = cf.read_collection("covers")
    table = cf.extract(collection, blocks=["color", "texture"])
    X, y, groups = cf.training_data(collection, table)
    run = cf.train(collection, classifiers=["svc", "catboost"], folds=5)
    scores = cf.Predictor.load(run.bundle).predict(["new.jpg"])

Each name is imported when it is first used, so that `import coverfusion` itself takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coverfusion.data.collection import Collection, read_collection
    from coverfusion.data.errors import UserError
    from coverfusion.data.registry import load_plugins
    from coverfusion.data.sample.draw import draw_sample
    from coverfusion.experiments.pipeline.run_folder import Run
    from coverfusion.experiments.pipeline.run_folder import read_run as open_run
    from coverfusion.experiments.scoring.predictor import Predictor
    from coverfusion.features.named_files import name_files
    from coverfusion.features.registry import BlockExtractor
    from coverfusion.features.registry import register as register_block
    from coverfusion.features.table import FeatureTable
    from coverfusion.finished import Ablation, Transfer
    from coverfusion.fusion.base import BlockClassifier
    from coverfusion.fusion.bundle import Bundle, load_bundle
    from coverfusion.fusion.registry import register as register_classifier
    from coverfusion.studies import ablate, compare, labels, train, transfer
    from coverfusion.tables import classifier, extract, training_data

    __version__: str

__all__ = [
    "Ablation",
    "BlockClassifier",
    "BlockExtractor",
    "Bundle",
    "Collection",
    "FeatureTable",
    "Predictor",
    "Run",
    "Transfer",
    "UserError",
    "__version__",
    "ablate",
    "classifier",
    "compare",
    "draw_sample",
    "extract",
    "labels",
    "load_bundle",
    "load_plugins",
    "name_files",
    "open_run",
    "read_collection",
    "register_block",
    "register_classifier",
    "train",
    "training_data",
    "transfer",
]

# name -> module, and what it is called there where that differs
_MODULES = {
    "Ablation": "finished",
    "BlockClassifier": "fusion.base",
    "BlockExtractor": "features.registry",
    "Bundle": "fusion.bundle",
    "Collection": "data.collection",
    "FeatureTable": "features.table",
    "Predictor": "experiments.scoring.predictor",
    "Run": "experiments.pipeline.run_folder",
    "Transfer": "finished",
    "UserError": "data.errors",
    "ablate": "studies",
    "classifier": "tables",
    "compare": "studies",
    "draw_sample": "data.sample.draw",
    "extract": "tables",
    "labels": "studies",
    "load_bundle": "fusion.bundle",
    "load_plugins": "data.registry",
    "name_files": "features.named_files",
    "open_run": "experiments.pipeline.run_folder",
    "read_collection": "data.collection",
    "register_block": "features.registry",
    "register_classifier": "fusion.registry",
    "train": "studies",
    "training_data": "tables",
    "transfer": "studies",
}
_NAMES_THERE = {"open_run": "read_run", "register_block": "register", "register_classifier": "register"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("coverfusion")
    if name not in _MODULES:
        raise AttributeError(f"module 'coverfusion' has no attribute {name!r}")
    module = importlib.import_module(f"coverfusion.{_MODULES[name]}")
    value = getattr(module, _NAMES_THERE.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
