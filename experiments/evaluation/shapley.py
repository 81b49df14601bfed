"""What each block brings to the score over all orders of adding blocks, and what two bring together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    _check_all_there(blocks, values)
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


@dataclass(frozen=True)
class Pair:
    """What two blocks bring without each other, and what changes where both are there.

    Attributes:
        interaction: below 0 where one repeats what the other says, above 0 where they need each other.
        first_alone: what the first brings, over all orders of adding it to sets without the second.
        second_alone: what the second brings to sets without the first.
    """

    interaction: np.ndarray
    first_alone: np.ndarray
    second_alone: np.ndarray


def shapley_interactions(
    blocks: Sequence[str], values: Mapping[tuple[str, ...], np.ndarray]
) -> dict[tuple[str, str], Pair]:
    """The exact Shapley interaction index of each two blocks.

    M. Grabisch and M. Roubens, An Axiomatic Approach to the Concept of Interaction among Players in
    Cooperative Games, International Journal of Game Theory 28, 1999. It is what one block brings where the
    other is always there, less what it brings where the other never is. An exact copy brings nothing beside
    the first, so that the index is minus what it brings without it.

    Two blocks that know nothing of each other interact too, as the second finds fewer mistakes left to mend.

    Args:
        blocks: b names, in the order of which the pairs are.
        values: as for `shapley_values`.

    Raises:
        ValueError: a subset has no score.
    """
    _check_all_there(blocks, values)
    found = {}
    for first, second in combinations(blocks, 2):
        rest = {left_out: [name for name in blocks if name != left_out] for left_out in (first, second)}
        beside = {
            chosen: values[tuple(name for name in blocks if name == second or name in chosen)]
            for chosen in subsets(rest[second])
        }
        alone = shapley_values(rest[second], values)[first]
        interaction = shapley_values(rest[second], beside)[first] - alone
        found[first, second] = Pair(interaction, alone, shapley_values(rest[first], values)[second])
    return found


def _check_all_there(blocks: Sequence[str], values: Mapping[tuple[str, ...], np.ndarray]) -> None:
    missing = [chosen for chosen in subsets(blocks) if chosen not in values]
    if missing:
        raise ValueError(f"no score for {len(missing)} of {2 ** len(blocks)} subsets, such as {missing[0]}")
