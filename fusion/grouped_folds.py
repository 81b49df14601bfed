"""Splits inside a training fold (early stopping, calibration): stratified, and groups stay together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from coverfusion.data.identity_order import cut_places

Split = tuple[np.ndarray, np.ndarray]


def inner_folds(
    y: np.ndarray,
    groups: np.ndarray | None = None,
    n_splits: int = 5,
    seed: int | None = 0,
    purpose: str = "inner folds",
) -> list[Split]:
    """Cross-validation folds whose training side always holds every class.

    A group's fold hangs on its value in `groups`, not on the order of the rows (`data.identity_order`). A
    class that would vanish from a training side (all its covers are in one group, say) has its groups moved
    back there, so the test sides need not cover every row.

    Args:
        y: (n,) classes; of rows of several (n, k) of 0 and 1.
        groups: (n,) rows with the same value are never separated; None: every row stands alone, and is known
            by its position.
        n_splits: the wished number of folds; fewer where no class has that many groups.
        seed: of the shuffle; None: another one each time.
        purpose: other purposes have other folds.

    Returns:
        (train rows, test rows) for each fold with a non-empty test side; an empty list where no two
        groups share a class.
    """
    groups = np.arange(len(y)) if groups is None else np.asarray(groups)
    most_groups = max(len(np.unique(groups[own])) for own in _rows_of_classes(y))
    n_splits = min(n_splits, most_groups)
    if n_splits < 2:
        return []
    seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed
    labels = y if y.ndim == 1 else pd.DataFrame(y.astype(bool))
    fold = cut_places(labels, groups, [1 / n_splits] * n_splits, range(n_splits), seed, purpose)
    folds = [_with_every_class(fold == number, y, groups) for number in range(n_splits)]
    return [(train, test) for train, test in folds if len(test)]


def holdout(
    y: np.ndarray, groups: np.ndarray | None = None, fraction: float = 0.15, seed: int | None = 0
) -> Split | None:
    """One inner split with about `fraction` of the rows held out, or None where none can be made."""
    folds = inner_folds(y, groups, max(2, round(1 / fraction)), seed, "holdout")
    return folds[0] if folds else None


def _with_every_class(test: np.ndarray, y: np.ndarray, groups: np.ndarray) -> Split:
    held_out = test.copy()
    # moving a group back can only add classes to the training side, so one pass over the absent is enough
    for own in _rows_of_classes(y):
        if held_out[own].all():
            held_out &= ~np.isin(groups, groups[own])
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _rows_of_classes(y: np.ndarray) -> list[np.ndarray]:
    """(n,) bool of each class that is there."""
    every = [y == label for label in np.unique(y)] if y.ndim == 1 else list(y.T > 0)
    return [own for own in every if own.any()]
