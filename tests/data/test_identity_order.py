from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from coverfusion.data.identity_order import cut_places, drawn_groups, group_numbers, one_of_each
from coverfusion.data.seeds import draws, seed_for

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60)


def test_draws_are_uniform_and_hang_on_identity_seed_and_purpose_alone() -> None:
    drawn = draws(range(4000), 0, "split")
    assert kstest(drawn, "uniform").pvalue > 0.01
    np.testing.assert_array_equal(draws([7, 3], 0, "split"), drawn[[7, 3]])
    for others in (draws(range(4000), 1, "split"), draws(range(4000), 0, "folds")):
        assert abs(np.corrcoef(drawn, others)[0, 1]) < 0.06
        assert not np.isin(drawn, others).any()


def test_seeds_of_neighbours_are_not_shared() -> None:
    seeds = {seed_for(seed, "member", member) for seed in range(50) for member in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**63 for seed in seeds)


@given(rows, st.integers(0, 100))
def test_places_are_in_the_unit_interval_in_the_order_of_draws(
    pairs: list[tuple[int, int]], seed: int
) -> None:
    genre, identity = np.array(pairs).T
    groups = drawn_groups(genre, identity, seed, "test")
    places = groups.places()
    assert ((places >= 0) & (places < 1)).all()
    for number in range(4):
        own = np.flatnonzero(groups.genre == number)
        assert (np.diff(places[own[np.argsort(groups.draw[own])]]) > 0).all()


@given(rows, st.integers(2, 5), st.integers(0, 100))
def test_parts_are_complete_where_each_genre_has_groups_of_its_own(
    pairs: list[tuple[int, int]], parts: int, seed: int
) -> None:
    genre = np.array(pairs)[:, 0]
    identity = 100 * genre + np.array(pairs)[:, 1]
    part = cut_places(genre, identity, [1 / parts] * parts, range(parts), seed)
    for number in np.unique(genre):
        groups = len(np.unique(identity[genre == number]))
        assert len(np.unique(part[genre == number])) == min(parts, groups) or groups < parts


@given(rows, st.integers(0, 100))
def test_one_of_each_group_whatever_others_there_are(pairs: list[tuple[int, int]], seed: int) -> None:
    groups = np.array(pairs)[:, 1]
    chosen = one_of_each(groups, seed)
    assert sorted(groups[chosen]) == sorted(set(groups))
    fewer = np.flatnonzero(groups != groups[0])
    left = fewer[one_of_each(groups[fewer], seed)]
    assert left.tolist() == [row for row in chosen if groups[row] != groups[0]]


def test_numbers_of_groups_do_not_change_with_other_groups() -> None:
    assert group_numbers([5, 7, 5]).tolist() == [5, 7, 5]
    named = group_numbers(["Nina", "Miles", "Nina"])
    assert named[0] == named[2] != named[1]
    assert group_numbers(["Miles"])[0] == named[1]
    assert named.dtype == np.int64
