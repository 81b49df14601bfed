"""How far an accuracy hangs on a fit's seed, on what a fold learnt from, and on the covers it tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class VarianceParts:
    """Variances of the accuracy that one fit under one seed has on one fold.

    Attributes:
        accuracy: over all seeds and folds.
        seeds: of fits that differ in their seed alone.
        covers: of test covers, drawn anew by whole groups.
        folds: what is left between folds: other covers to learn from. NaN with one fold.
    """

    accuracy: float
    seeds: float
    covers: float
    folds: float


def variance_parts(right: np.ndarray, fold: np.ndarray, groups: np.ndarray) -> VarianceParts:
    """Estimates the parts by moments; a part that would come out below 0 is 0.

    The part of covers takes products of different seeds alone, so that what a seed does to single covers is
    not taken for it.

    Args:
        right: (k, n) bool, whether each cover was right under each of k seeds, 2 or more.
        fold: (n,) the fold in which each cover was tested.
        groups: (n,) labels; covers of one group are drawn together.
    """
    seeds = len(right)
    numbers, code = np.unique(fold, return_inverse=True)
    accuracy = np.stack([right[:, code == number].mean(axis=1) for number in range(len(numbers))], axis=1)
    of_seeds = float(accuracy.var(axis=0, ddof=1).mean())
    of_covers = float(
        np.mean([_of_covers(right[:, own], groups[own]) for own in (code == n for n in range(len(numbers)))])
    )
    of_folds = np.nan
    if len(numbers) > 1:
        between = float(accuracy.mean(axis=0).var(ddof=1))
        of_folds = max(0.0, between - of_seeds / seeds - max(0.0, of_covers))
    return VarianceParts(float(right.mean()), of_seeds, max(0.0, of_covers), of_folds)


def _of_covers(right: np.ndarray, groups: np.ndarray) -> float:
    """The variance of the mean over the covers of one fold; NaN for a single group."""
    seeds, n = right.shape
    names, code = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return np.nan
    away = np.stack([np.bincount(code, row - row.mean()) for row in right.astype(float)])
    products = (away.sum(axis=0) ** 2 - (away**2).sum(axis=0)).sum() / (seeds * (seeds - 1))
    return float(products * len(names) / (len(names) - 1) / n**2)
