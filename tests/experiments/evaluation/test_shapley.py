"""Shapley values: a known game, and what defines them."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.experiments.evaluation.shapley import (
    shapley_interactions,
    shapley_values,
    subsets,
)


def test_the_glove_game() -> None:
    # one right glove (c), two left ones: only a pair is worth 1; Shapley 1/6, 1/6, 4/6
    worth = {s: np.asarray(float("c" in s and len(s) > 1)) for s in subsets("abc")}
    found = shapley_values("abc", worth)
    assert [float(found[k]) for k in "abc"] == pytest.approx([1 / 6, 1 / 6, 4 / 6])


@given(st.lists(st.floats(-1, 1), min_size=16, max_size=16))
def test_values_add_up_to_what_all_blocks_bring(scores: list[float]) -> None:
    values = {s: np.asarray(v) for s, v in zip(subsets("abcd"), scores, strict=True)}
    found = shapley_values("abcd", values)
    assert sum(map(float, found.values())) == pytest.approx(values[tuple("abcd")] - values[()], abs=1e-9)


def test_a_block_that_changes_nothing_gets_nothing() -> None:
    values = {s: np.asarray([0.2, 0.4]) + 0.3 * ("a" in s) for s in subsets("ab")}
    found = shapley_values("ab", values)
    np.testing.assert_allclose(found["a"], 0.3)
    np.testing.assert_allclose(found["b"], 0, atol=1e-12)


def test_a_missing_subset_is_named() -> None:
    with pytest.raises(ValueError, match="no score for 1 of 4 subsets"):
        shapley_values("ab", {(): np.zeros(1), ("a",): np.ones(1), ("b",): np.ones(1)})


@given(st.lists(st.floats(-1, 1), min_size=16, max_size=16))
def test_interactions_are_the_mean_over_all_orders(scores: list[float]) -> None:
    # of the orders in which both blocks come as one, what the second adds beside the first, less without it
    values = {frozenset(s): v for s, v in zip(subsets("abcd"), scores, strict=True)}
    found = shapley_interactions("abcd", {s: np.asarray(values[frozenset(s)]) for s in subsets("abcd")})
    for i, j in combinations("abcd", 2):
        orders = list(permutations([i + j, *(name for name in "abcd" if name not in (i, j))]))
        before = [frozenset(order[: order.index(i + j)]) for order in orders]
        mixed = [values[b | {i, j}] - values[b | {i}] - values[b | {j}] + values[b] for b in before]
        assert float(found[i, j].interaction) == pytest.approx(np.mean(mixed), abs=1e-9)


def test_a_copy_takes_all_that_a_block_brings() -> None:
    values = {s: np.asarray(0.4 * bool({"a", "b"} & set(s)) + 0.1 * ("c" in s)) for s in subsets("abc")}
    found = shapley_interactions("abc", values)
    assert {pair: float(found[pair].interaction) for pair in found} == pytest.approx(
        {("a", "b"): -0.4, ("a", "c"): 0, ("b", "c"): 0}
    )
    assert float(found["a", "b"].first_alone) == float(found["a", "b"].second_alone) == pytest.approx(0.4)


def test_blocks_that_need_each_other_have_a_positive_interaction() -> None:
    values = {s: np.asarray([0.5, 1.0]) * (len(s) == 2) for s in subsets("ab")}
    np.testing.assert_allclose(shapley_interactions("ab", values)["a", "b"].interaction, [0.5, 1.0])


def test_interactions_name_a_missing_subset_and_one_block_has_none() -> None:
    assert shapley_interactions("a", {(): np.zeros(1), ("a",): np.ones(1)}) == {}
    with pytest.raises(ValueError, match="no score for 1 of 4 subsets"):
        shapley_interactions("ab", {(): np.zeros(1), ("a",): np.ones(1), ("b",): np.ones(1)})
