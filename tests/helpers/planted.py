"""Small problems with known answers, and settings that keep the slow classifiers quick on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.pictures import Pictures
from coverfusion.fusion.registry import classifier_class, classifier_names, create

# the others learn from pictures or text alone and have tests of their own (test_finetune.py, test_texts.py)
TABLE_CLASSIFIERS = [
    name
    for name in classifier_names()
    if classifier_class(name).pictures is not Pictures.ONLY and not classifier_class(name).needs_text
]
GENRES = np.array(["Country", "Pop", "Rock"])
QUICK: dict[str, dict[str, Any]] = {
    "mlp": {"members": 1, "max_epochs": 15, "batch_size": 64, "learning_rate": 5e-3},
    "joint": {
        "epochs": 8,
        "patience": None,
        "batch_size": 64,
        "adapter": 32,
        "hidden": 32,
        "learning_rate": 2e-2,
    },
    "catboost": {"iterations": 100, "learning_rate": 0.1},
    "random_forest": {"n_estimators": 50},
    "average": {"classifiers": ("svc", "logistic")},
    "stack": {"classifiers": {"logistic": {}, "knn": {"block_weights": "equal"}}, "folds": 2},
}


def quick(name: str, **parameters: Any) -> BlockClassifier:
    """A registered classifier with settings for small problems."""
    return create(name, **QUICK.get(name, {}) | parameters)


def planted(n: int = 360, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """X, y, groups: block `color` carries all of the signal, the wider `cnn` and `texture` are noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    color = rng.normal(size=(n, 6))
    color[:, 0] += 4 * (y == 1)
    color[:, 1] += 4 * (y == 2)
    values = np.concatenate([rng.normal(size=(n, 40)), color, rng.normal(size=(n, 8))], axis=1)
    columns = [f"cnn.embedding_{i:04d}" for i in range(40)]
    columns += [f"color.c{i}" for i in range(6)] + [f"texture.t{i}" for i in range(8)]
    X = pd.DataFrame(values.astype(np.float32), columns=columns)
    X.loc[rng.random(n) < 0.05, [c for c in columns if c.startswith("texture.")]] = np.nan
    return X, GENRES[y], np.arange(n) // 2


def two_views(n: int = 400, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """X, y: blocks `ocr` and `color` both tell the genre, each with noise of its own."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    views = [rng.normal(size=(n, 5)) + 2.2 * np.eye(3, 5)[y] for _ in range(2)]
    columns = [f"{block}.f{i}" for block in ("ocr", "color") for i in range(5)]
    return pd.DataFrame(np.concatenate(views, axis=1).astype(np.float32), columns=columns), GENRES[y]
