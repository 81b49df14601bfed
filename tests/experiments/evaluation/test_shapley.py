"""Shapley values: a known game, and what defines them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.experiments.evaluation.shapley import shapley_values, subsets


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
