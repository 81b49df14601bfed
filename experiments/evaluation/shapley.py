"""How much of the score each block brings, shared out fairly over all orders of adding blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial

import numpy as np


def subsets(blocks: Sequence[str]) -> list[tuple[str, ...]]:
    """All 2^b subsets, the empty one first, smaller ones before larger ones."""
    return [chosen for size in range(len(blocks) + 1) for chosen in combinations(blocks, size)]


def shapley_values(
    blocks: Sequence[str], values: Mapping[tuple[str, ...], np.ndarray]
) -> dict[str, np.ndarray]:
    """The exact Shapley value of each block: L. S. Shapley, A Value for n-Person Games, 1953.

    A block's value is the mean, over all orders in which blocks could be added, of what it adds to the
    score. The values add up to the score of all blocks minus the score of none.

    Args:
        blocks: b names.
        values: the score of each of the 2^b subsets, keys in the order of `blocks`; arrays (one score a
            fold, a genre or a resample) are worked on element by element.

    Raises:
        ValueError: a subset has no score.
    """
    missing = [chosen for chosen in subsets(blocks) if chosen not in values]
    if missing:
        raise ValueError(f"no score for {len(missing)} of {2 ** len(blocks)} subsets, such as {missing[0]}")
    count = len(blocks)
    result = {}
    for block in blocks:
        total = np.zeros_like(np.asarray(values[()], dtype=np.float64))
        for chosen in subsets([other for other in blocks if other != block]):
            joined = tuple(other for other in blocks if other == block or other in chosen)
            weight = factorial(len(chosen)) * factorial(count - len(chosen) - 1) / factorial(count)
            total = total + weight * (values[joined] - values[chosen])
        result[block] = total
    return result
