"""SHAP values of CatBoost, summed by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.fusion.blocks import NUMBERED
from coverfusion.fusion.catboost import FusionCatBoost
from coverfusion.fusion.categories import encoded_names, plain_name
from coverfusion.fusion.texts import is_text, texts_by_block


def catboost_contributions(model: FusionCatBoost, X: pd.DataFrame) -> np.ndarray:
    """(n, genres, width) SHAP values of the prepared columns and of scores of text, centred over the genres.

    S. M. Lundberg et al., From local explanations to global understanding with explainable AI for trees,
    Nature Machine Intelligence 2, 2020. A softmax does not change when a number is added to every genre's
    score, so the mean over the genres is taken off: what is left is log probability less its mean. Where a
    cover may have several genres, each has log odds of its own, and nothing is taken off.
    """
    from catboost import Pool

    numbers, texts = model.seen(X)
    Z = model.prepared(numbers.to_numpy(np.float32), texts)
    shap = model.model_.get_feature_importance(Pool(Z), type="ShapValues")
    values = np.asarray(shap)[:, :, :-1]  # the last column is the constant
    if getattr(model, "several_", False):
        return values
    return values - values.mean(axis=1, keepdims=True)


def sum_by_block(
    model: FusionCatBoost, columns: Sequence[str], values: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Contributions added up by block, and by column where a block was not projected.

    The scores of a block's text stand together under the first column of it, and the values of a column of
    categories under that column.

    Args:
        model: that was explained.
        columns: (d,) `block.column` names that it was given.
        values: (n, genres, width) contributions of its output.

    Returns:
        block -> (n, genres), with the numbered columns counted to the block they stand in; and column ->
        (n, genres), where a gap counts to the first of the columns that lack their value together.
    """
    by_block: dict[str, np.ndarray] = {}
    by_column: dict[str, np.ndarray] = {}
    scaler, values_of = model.scaler_, getattr(model, "categories_", {})
    numbers = encoded_names([name for name in columns if not is_text(name)], values_of)
    width = sum(where.stop - where.start for where in scaler.slices.values())
    for name, where in scaler.slices.items():
        block = name.split(".", 1)[0]
        by_block[block] = by_block.get(block, 0) + values[:, :, where].sum(axis=2)
        names = [numbers[position] for position in scaler.blocks[name]]
        if "components" in scaler.parts[name] or NUMBERED.search(names[0]):
            continue
        own = values[:, :, where]
        for k, column in enumerate(names):
            by_column[plain_name(column)] = by_column.get(plain_name(column), 0) + own[:, :, k]
        for k, column in enumerate(scaler.parts[name]["gaps"]):
            gap = plain_name(names[column])
            by_column[gap] = by_column[gap] + own[:, :, len(names) + k]
    text = texts_by_block({name: [] for name in columns if is_text(name)})
    scores = np.split(values[:, :, width:], max(len(text), 1), axis=2)
    for (block, own_columns), own in zip(text.items(), scores, strict=False):
        by_block[block] = by_block.get(block, 0) + own.sum(axis=2)
        by_column[next(iter(own_columns))] = own.sum(axis=2)
    return by_block, by_column
