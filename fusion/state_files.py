"""Fitted parts on disk, in a format that holds no code (skops with a short list of types)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from coverfusion.data.errors import UserError

# what a classifier of this project may hold besides numbers, text, arrays and scikit-learn's own estimators
TRUSTED = [
    "coverfusion.fusion.block_kernel.BlockKernel",
    "coverfusion.fusion.block_weights.KernelWeights",
    "coverfusion.fusion.blocks.BlockScaler",
    "coverfusion.fusion.text_scores.TextScores",
    "coverfusion.fusion.texts.Vocabulary",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.tree._tree.Tree",
]


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Writes a dict of arrays, plain values and the types in `TRUSTED`.

    Raises:
        UserError: the dict holds another type, which `read_state` would refuse.
    """
    from skops import io

    io.dump(state, path)
    if unknown := set(io.get_untrusted_types(file=path)) - set(TRUSTED):
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
    from skops import io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        state = io.load(path, trusted=TRUSTED)
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
