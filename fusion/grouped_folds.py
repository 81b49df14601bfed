"""Splits inside a training fold (early stopping, calibration): stratified, and groups stay together."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

Split = tuple[np.ndarray, np.ndarray]


def inner_folds(
    y: np.ndarray, groups: np.ndarray | None = None, n_splits: int = 5, seed: int | None = 0
) -> list[Split]:
    """Cross-validation folds whose training side always holds every class.

    A class that would vanish from a training side (all its covers are in one group, say) has its groups
    moved back there, so the test sides need not cover every row.

    Args:
        y: (n,) class codes.
        groups: (n,) rows with the same value are never separated; None: every row stands alone.
        n_splits: the wished number of folds; fewer where no class has that many groups.
        seed: of the shuffle.

    Returns:
        (train rows, test rows) for each fold with a non-empty test side; an empty list where no two
        groups share a class.
    """
    groups = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    most_groups = max(len(np.unique(groups[y == label])) for label in np.unique(y))
    n_splits = min(n_splits, most_groups)
    if n_splits < 2:
        return []
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        splits = list(splitter.split(np.zeros(len(y)), y, groups))
    folds = [_with_every_class(test, y, groups) for _, test in splits]
    return [(train, test) for train, test in folds if len(test)]


def holdout(
    y: np.ndarray, groups: np.ndarray | None = None, fraction: float = 0.15, seed: int | None = 0
) -> Split | None:
    """One inner split with about `fraction` of the rows held out, or None where none can be made."""
    folds = inner_folds(y, groups, n_splits=max(2, round(1 / fraction)), seed=seed)
    return folds[0] if folds else None


def _with_every_class(test: np.ndarray, y: np.ndarray, groups: np.ndarray) -> Split:
    held_out = np.zeros(len(y), bool)
    held_out[test] = True
    # moving a group back can only add classes to the training side, so one pass over the absent is enough
    for label in np.setdiff1d(y, y[~held_out]):
        held_out &= ~np.isin(groups, groups[y == label])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
