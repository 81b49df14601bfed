"""SHAP values of CatBoost, summed by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.fusion.blocks import NUMBERED, BlockScaler
from coverfusion.fusion.catboost import FusionCatBoost
from coverfusion.fusion.texts import is_text, split_texts


def catboost_contributions(model: FusionCatBoost, X: pd.DataFrame) -> np.ndarray:
    """(n, genres, width) SHAP values of the prepared columns and of scores of text, centred over the genres.

    S. M. Lundberg et al., From local explanations to global understanding with explainable AI for trees,
    Nature Machine Intelligence 2, 2020. A softmax does not change when a number is added to every genre's
    score, so the mean over the genres is taken off: what is left is log probability less its mean.
    """
    from catboost import Pool

    numbers, texts = split_texts(X[list(model.feature_names_in_)])
    Z = model.prepared(numbers.to_numpy(np.float32), texts)
    shap = model.model_.get_feature_importance(Pool(Z), type="ShapValues")
    values = np.asarray(shap)[:, :, :-1]  # the last column is the constant
    return values - values.mean(axis=1, keepdims=True)


def sum_by_block(
    scaler: BlockScaler, columns: Sequence[str], values: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Contributions added up by block, and by column where a block was not projected.

    The scores of text stand together under its first column.

    Args:
        scaler: what prepared the columns.
        columns: (d,) `block.column` names that it was given.
        values: (n, genres, width) contributions of its output.

    Returns:
        block -> (n, genres), with the numbered columns counted to the block they stand in; and column ->
        (n, genres), where a gap counts to the first of the columns that lack their value together.
    """
    by_block: dict[str, np.ndarray] = {}
    by_column: dict[str, np.ndarray] = {}
    numbers = [name for name in columns if not is_text(name)]
    width = sum(where.stop - where.start for where in scaler.slices.values())
    for name, where in scaler.slices.items():
        block = name.split(".", 1)[0]
        by_block[block] = by_block.get(block, 0) + values[:, :, where].sum(axis=2)
        names = [numbers[position] for position in scaler.blocks[name]]
        if "components" in scaler.parts[name] or NUMBERED.search(names[0]):
            continue
        own = values[:, :, where]
        by_column |= {column: own[:, :, k] for k, column in enumerate(names)}
        for k, column in enumerate(scaler.parts[name]["gaps"]):
            by_column[names[column]] = by_column[names[column]] + own[:, :, len(names) + k]
    if text := next(filter(is_text, columns), None):
        block, own = text.split(".", 1)[0], values[:, :, width:].sum(axis=2)
        by_block[block] = by_block.get(block, 0) + own
        by_column[text] = own
    return by_block, by_column
