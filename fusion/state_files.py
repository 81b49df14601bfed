"""Fitted parts on disk, in a format that holds no code (skops with a short list of types)."""

from __future__ import annotations

import importlib
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from coverfusion.data.errors import UserError

# what a classifier of this project may hold besides numbers, text, arrays and scikit-learn's own estimators
TRUSTED = [
    "coverfusion.fusion.block_kernel.BlockKernel",
    "coverfusion.fusion.block_weights.KernelWeights",
    "coverfusion.fusion.blocks.BlockScaler",
    "coverfusion.fusion.kernel_ridge.KernelPart",
    "coverfusion.fusion.log_linear_pool.LogLinearPool",
    "coverfusion.fusion.text_scores.TextScores",
    "coverfusion.fusion.texts.Vocabulary",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.tree._tree.Tree",
]


def _skops() -> ModuleType:
    """`skops.io`, without its walk through every module of scikit-learn, one of which imports torch.

    It lists the estimators there; `_trusted` asks of each file's types whether they are estimators instead.
    """
    import sklearn.utils

    walk = sklearn.utils.all_estimators
    sklearn.utils.all_estimators = lambda *args, **kwargs: []
    try:
        return importlib.import_module("skops.io")
    finally:
        sklearn.utils.all_estimators = walk


def _trusted(types: Sequence[str]) -> list[str]:
    """Those that may be loaded: the types in `TRUSTED`, and scikit-learn's estimators."""
    return [name for name in types if name in TRUSTED or _is_estimator(name)]


def _is_estimator(name: str) -> bool:
    """Whether `sklearn.module.Class` is an estimator of scikit-learn; nothing else is imported."""
    module, _, kind = name.rpartition(".")
    if not re.fullmatch(r"sklearn(\.\w+)+", module) or ".tests" in module:
        return False
    try:
        found = getattr(importlib.import_module(module), kind, None)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, BaseEstimator)


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Writes a dict of arrays, plain values and the types in `TRUSTED`.

    Raises:
        UserError: the dict holds another type, which `read_state` would refuse.
    """
    io = _skops()
    io.dump(state, path)
    types = io.get_untrusted_types(file=path)
    if unknown := set(types) - set(_trusted(types)):
        path.unlink()
        raise UserError(
            f"A fitted classifier holds {', '.join(sorted(unknown))}, which no bundle may hold. Keep arrays, "
            f"plain values and scikit-learn's estimators, or write the rest in `_save_parts`."
        )


def read_state(path: Path) -> dict[str, Any]:
    """Reads what `write_state` wrote.

    Raises:
        UserError: the file is missing or broken, or holds a type that is not in `TRUSTED`; nothing of it
            has been run then.
    """
    io = _skops()
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        state = io.load(path, trusted=_trusted(io.get_untrusted_types(file=path)))
    except UntrustedTypesFoundException as error:
        raise UserError(
            f"{path} holds types that no saved classifier has, so it was not loaded: {error}"
        ) from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is missing or is not a saved classifier: {error}") from error
    if not isinstance(state, dict):
        raise UserError(f"{path} is not a saved classifier: it holds a {type(state).__name__}.")
    return state


def check_tree(tree: Any) -> None:
    """Checks that a loaded decision tree stays inside its own arrays (scikit-learn does not look).

    Raises:
        UserError: a node points outside the tree or asks for a feature that is not there.
    """
    children = np.stack([tree.children_left, tree.children_right])
    inner = children[0] != -1
    features = tree.feature[inner]
    inside = (children[:, inner] > np.flatnonzero(inner)).all() and (
        children[:, inner] < tree.node_count
    ).all()
    if not inside or (features < 0).any() or (features >= tree.n_features).any():
        raise UserError("The saved random forest is broken: a tree points outside itself. Train it again.")
