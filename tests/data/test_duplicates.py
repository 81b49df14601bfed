from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.data.duplicates import NEAR_BITS, beside_another, group_covers, near_pairs
from coverfusion.data.pictures import facts
from tests.helpers import pictures

DETAILED = 50.0


def _hashes(bits: np.ndarray) -> list[str]:
    return [row.tobytes().hex() for row in np.packbits(bits, axis=1)]


def test_a_cover_that_stands_twice_is_not_beside_another():
    assert beside_another(list("aabcd"), [1, 1, 2, 3, 3]).tolist() == [False, False, False, True, True]


@given(st.integers(0, 2**31), st.integers(2, 60))
def test_pairs_are_those_that_comparing_all_finds(seed, n):
    """Up to a thousand covers nothing may be missed; above, the index looks at a share (see below)."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (n, 256)).astype(np.uint8)
    copied = rng.integers(0, n, n // 2)
    bits[: n // 2] = bits[copied] ^ (rng.random((n // 2, 256)) < rng.uniform(0, 0.35))
    differing = (bits[:, None] != bits[None]).sum(axis=2)
    expected = {(i, j) for i, j in zip(*np.nonzero(differing <= NEAR_BITS), strict=True) if i < j}
    found = set(map(tuple, near_pairs(_hashes(bits), np.full(n, DETAILED)).tolist()))
    equal = {(i, j) for i, j in expected if differing[i, j] == 0}
    assert found <= expected
    # equal hashes are joined through the first of them, so groups agree even where pairs are fewer
    frame = pd.DataFrame({"x": range(n)})
    by_all = group_covers(frame, np.array(sorted(expected | equal)).reshape(-1, 2))
    by_index = group_covers(frame, np.array(sorted(found)).reshape(-1, 2))
    assert (by_all == by_index).all()


def test_almost_all_pairs_are_found_where_only_a_share_is_compared():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (4000, 256)).astype(np.uint8)
    flips = rng.random((1000, 256)) < rng.uniform(0.0, 0.2, (1000, 1))
    near = np.vstack([bits, bits[:1000] ^ flips])
    found = near_pairs(_hashes(near), np.full(5000, DETAILED))
    planted = {(i, 4000 + i) for i in range(1000) if flips[i].sum() <= NEAR_BITS}
    got = set(map(tuple, found.tolist()))
    assert got <= planted
    assert len(got) >= 0.95 * len(planted)


@pytest.mark.parametrize("covers", [4000, 20_000])
def test_pairs_that_just_count_as_near_are_found_among_few_and_many(covers: int) -> None:
    """The further apart, the more often the index looks for the two in different places."""
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, (covers, 256)).astype(np.uint8)
    other = bits[:1000].copy()
    for row in other:
        row[rng.choice(256, rng.integers(51, NEAR_BITS + 1), replace=False)] ^= 1
    found = near_pairs(_hashes(np.vstack([bits, other])), np.full(covers + 1000, DETAILED))
    planted = {(i, covers + i) for i in range(1000)}
    assert len(planted & set(map(tuple, found.tolist()))) >= 980


def test_a_thousand_copies_give_a_thousand_pairs_and_one_group():
    bits = np.repeat(np.random.default_rng(0).integers(0, 2, (1, 256)), 1001, axis=0).astype(np.uint8)
    pairs = near_pairs(_hashes(bits), np.full(1001, DETAILED))
    assert len(pairs) == 1000
    assert len(set(group_covers(pd.DataFrame(index=range(1001)), pairs))) == 1


def test_blank_covers_are_not_chained():
    """All plain colours have about the same hash; they are different covers all the same."""
    plain = [facts(pictures.encode(pictures.solid(c))) for c in ("red", "navy", "white", "black", "#808080")]
    photos = [facts(pictures.encode(pictures.face(), quality=quality)) for quality in (95, 60)]
    found = plain + photos
    pairs = near_pairs([f.phash for f in found], np.array([f.detail for f in found]))
    assert pairs.tolist() == [[5, 6]]


def test_groups_join_pairs_artists_and_given_groups():
    frame = pd.DataFrame(
        {
            "cover_id": list("abcdefgh"),
            "artist": ["Nina", " nina", "", "", "Various Artists", "various artists", "Joe", ""],
            "group": ["", "", "7", "7", "", "", "", ""],
        }
    )
    groups = group_covers(frame, np.array([[1, 2]]))
    together = [set(frame["cover_id"][groups == g]) for g in sorted(set(groups))]
    assert sorted(map(sorted, together)) == [["a", "b", "c", "d"], ["e"], ["f"], ["g"], ["h"]]
