"""From a collection to what scikit-learn takes: the feature table, X, y and groups, and a classifier."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from coverfusion.data.collection import Collection, read_collection
from coverfusion.data.errors import UserError, UserNote
from coverfusion.experiments.pipeline.blocks import fill, make_extractors
from coverfusion.features.extract import Failure
from coverfusion.features.pixels import Pixels
from coverfusion.features.sides import read_items
from coverfusion.features.store import Store, default_root
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.registry import create
from coverfusion.quiet import printing

Names = str | Sequence[str] | Mapping[str, Mapping[str, Any]]  # names, or names with their parameters


def listed(names: Iterable[str]) -> list[str]:
    """Names as a list; a single one may stand without it."""
    return [names] if isinstance(names, str) else list(names)


def extract(
    collection: Collection | str | os.PathLike[str],
    blocks: Names | None = None,
    *,
    store: str | os.PathLike[str] | None = None,
    preset: Literal["packaged", "hub"] = "packaged",
    progress: bool = False,
) -> FeatureTable:
    """The feature table of a collection; what the store has already is not computed again.

    Args:
        collection: read, or where it lies.
        blocks: names of blocks, or block -> its parameters; None: every block whose weights are here.
        store: the folder where features are kept; None: the one that the commands use.
        preset: which weights the blocks use.
        progress: show bars and remarks.

    Returns:
        One row a cover, in the order of the collection and each cover once. A cover that cannot be decoded
        any more is left out, and a block that failed on a cover is NaN there; a warning says how many.

    Raises:
        UserError: no such collection, block or weights, or the store cannot be written to.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> collection = cf.read_collection("covers")
        >>> cf.extract(collection, blocks={"color": {"palette": 3}, "texture": {}}, store="store")
        FeatureTable(60 covers; columns: color 37, texture 39)
    """
    named: Mapping[str, Mapping[str, Any]] | None = None
    if blocks is not None:
        named = blocks if isinstance(blocks, Mapping) else {name: {} for name in listed(blocks)}
    with printing(progress):
        extractors = make_extractors(named, preset)
        if any(isinstance(extractor, Pixels) for extractor in extractors):
            raise UserError("blocks: 'pixels' are the pictures themselves, and in no table. Leave it out.")
        if not isinstance(collection, Collection):
            collection = read_collection(collection)
        kept = Store(store or default_root())
        covers = collection.frame.drop_duplicates("cover_id")
        failures = fill(covers, extractors, kept)
        _warn(failures)
        undecoded = {failure.cover_id for failure in failures if not failure.block}
        return read_items(covers[~covers["cover_id"].isin(undecoded)], extractors, kept)


def training_data(collection: Collection, table: FeatureTable) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """What the fit and the cross-validation of scikit-learn take, row by row the same covers.

    Args:
        collection: the genres and groups.
        table: the features; covers that it lacks are left out.

    Returns:
        X, y and groups: a float32 frame (n, columns) named `block.column` and indexed by cover_id (text that
        was read in columns of its own), n genres, and n group numbers (covers of one group must stay
        together). A cover that `keep="all"` has left under several genres is one row for each.

    Raises:
        UserError: the table has none of the covers.

    Example:
        >>> import coverfusion as cf
        >>> from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> collection = cf.read_collection("covers")
        >>> table = cf.extract(collection, blocks=["color"], store="store")
        >>> X, y, groups = cf.training_data(collection, table)
        >>> X.shape, y.shape, groups.shape
        ((60, 45), (60,), (60,))
        >>> model = cf.classifier("logistic")
        >>> len(cross_val_score(model, X, y, groups=groups, cv=StratifiedGroupKFold(3)))
        3
    """
    covers = collection.frame[collection.frame["cover_id"].isin(table.index)]
    if covers.empty:
        raise UserError(f"The table has no cover of {collection!r}. Extract it from this collection.")
    X = table.learnable().loc[covers["cover_id"].tolist()]
    return X, covers["genre"].to_numpy(dtype=str), covers["group"].to_numpy()


def classifier(name: str, **parameters: Any) -> BlockClassifier:
    """An unfitted classifier by name, with the interface of scikit-learn.

    Cross-validation, grid search and pipelines work on it. `X` is a frame with columns named
    `block.column`; NaN = not there. `coverfusion classifiers NAME` prints what its parameters mean.

    Args:
        name: "svc", "kernel_ridge", "catboost", "mlp", "knn", "random_forest", "logistic", ...
        parameters: its constructor's arguments; values are checked by `fit`, as in scikit-learn.

    Raises:
        UserError: no such classifier or parameter.

    Example:
        >>> import coverfusion as cf
        >>> cf.classifier("knn", k=5).get_params()["k"]
        5
    """
    return create(name, **parameters)


def _warn(failures: list[Failure]) -> None:
    if failures:
        first = failures[0]
        where = f"block '{first.block}', {first.path}" if first.block else first.path
        warnings.warn(f"{len(failures)} failures; the first: {where}: {first.reason}", UserNote, stacklevel=3)
