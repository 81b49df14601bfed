import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.fusion.similarity.diversity import marginal_relevance

# on a line, the query at 0: two alike at 1, one at -1.2, one far away at 5
PLACES = np.array([1.0, 1.01, -1.2, 5.0])
FAR, BETWEEN = np.abs(PLACES), np.abs(PLACES[:, None] - PLACES[None, :])


@pytest.mark.parametrize(
    ("diversity", "picks"),
    [
        (0.0, [0, 1, 2]),
        # second pick: 0.5 * distance - 0.5 * distance to 1.0 = 0.5, -0.5, 0.5
        (0.5, [0, 2, 1]),
        # to 1.0 it is 4 from 5.0, 2.2 from -1.2
        (1.0, [0, 3, 2]),
    ],
)
def test_picks_by_hand(diversity: float, picks: list[int]) -> None:
    assert marginal_relevance(FAR, BETWEEN, 3, diversity).tolist() == picks


@given(st.integers(0, 12), st.integers(1, 15), st.floats(0, 1), st.integers(0, 99))
def test_each_candidate_is_picked_once_the_nearest_first(m: int, k: int, diversity: float, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(m, 3))
    far = np.linalg.norm(points, axis=1)
    between = np.linalg.norm(points[:, None] - points[None], axis=2)
    picks = marginal_relevance(far, between, k, diversity)
    assert len(set(picks.tolist())) == len(picks) == min(k, m)
    if m:
        assert picks[0] == far.argmin()
        if diversity == 0:
            assert (np.diff(far[picks]) >= 0).all()


def test_more_diversity_spreads_the_picks() -> None:
    points = np.random.default_rng(1).normal(size=(60, 4))
    far, between = np.linalg.norm(points, axis=1), np.linalg.norm(points[:, None] - points[None], axis=2)
    picked = [marginal_relevance(far, between, 6, diversity) for diversity in (0, 0.5, 1)]
    spread = [between[np.ix_(picks, picks)].mean() for picks in picked]
    assert spread[0] < spread[1] < spread[2]


def test_diversity_is_a_share() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        marginal_relevance(FAR, BETWEEN, 2, 1.5)
