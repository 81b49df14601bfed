"""How far held-out covers are from the training covers, to tell a picture that is no such cover."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusion.neighbours import Neighbours

MOST = 5000  # held-out covers suffice for a quantile
AT_ONCE = 500  # queries


def nearest_distances(neighbours: Neighbours, X: pd.DataFrame) -> np.ndarray:
    """(n,) float64 distances of new covers, features as `block.column`, to the nearest training cover."""
    return np.array([near["distance"].iloc[0] for near in neighbours.query(X, 1)], dtype=np.float64)


def held_out_distances(
    neighbours: Neighbours, X: pd.DataFrame, groups: Mapping[str, object], seed: int = 0
) -> np.ndarray:
    """The distance of known covers to the nearest training cover that does not belong to them.

    A cover that is in the index itself, or has near duplicates there, would look nearer than any new one.

    Args:
        neighbours: the index of training covers.
        X: (n, d) features by cover_id, columns `block.column`.
        groups: cover_id -> group, for the covers of X and of the index.
        seed: of the draw, where there are more than 5,000 covers.

    Returns:
        (min(n, 5000),) float64; NaN where every training cover is of the same group.
    """
    X = X.sample(min(MOST, len(X)), random_state=seed)
    parts = [X.iloc[start : start + AT_ONCE] for start in range(0, len(X), AT_ONCE)]
    return np.concatenate([np.empty(0), *(_among_others(neighbours, part, groups) for part in parts)])


def _among_others(neighbours: Neighbours, X: pd.DataFrame, groups: Mapping[str, object]) -> np.ndarray:
    distances = np.full(len(X), np.nan)
    left, k, covers = np.arange(len(X)), 10, len(neighbours.covers)
    while len(left):
        for row, near in zip(left, neighbours.query(X.iloc[left], k), strict=True):
            own = groups[str(X.index[int(row)])]
            others = near["distance"][[groups[cover] != own for cover in near["cover_id"]]]
            distances[row] = others.iloc[0] if len(others) else np.nan
        left = left[np.isnan(distances[left])] if k < covers else left[:0]
        k *= 10
    return distances
