"""Approximate indexes find what exact search finds, and say honestly how often."""

from pathlib import Path

import numpy as np
import pytest

from coverfusion.fusion.similarity.index_kinds import (
    FLAT_UP_TO,
    HNSW_UP_TO,
    Built,
    build,
    choose,
    lists,
    recall,
    recipe,
    tune,
)
from coverfusion.fusion.similarity.vector_search import (
    indexed_rows,
    nearest_rows,
    new_index,
    read_index,
    write_index,
)

N, WIDTH, QUERIES = 3000, 24, 100


def _rows(n: int = N, width: int = WIDTH, seed: int = 0) -> np.ndarray:
    """A mixture of 40 clusters."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(40, width)) * 2
    return (centres[rng.integers(40, size=n)] + rng.normal(size=(n, width))).astype(np.float32)


def _build(kind: str, rows: np.ndarray, target: float = 0.95) -> Built:
    known = rows[:-QUERIES]
    pieces = (known[start : start + 700] for start in range(0, len(known), 700))
    return build(pieces, known, rows[-QUERIES:], len(rows), kind, target, seed=1)


@pytest.fixture(scope="module", params=["flat", "ivf", "hnsw"])
def built(request: pytest.FixtureRequest) -> Built:
    return _build(request.param, _rows())


def test_the_recall_that_is_told_is_reached_on_other_queries(built: Built) -> None:
    others = _rows(N + 200)[N:]  # of the same mixture, not among those indexed
    exact = nearest_rows(new_index(_rows(), "l2"), others, 10, "l2")[1]
    found = nearest_rows(built.index, others, 10, "l2")[1]
    share = (found[:, :, None] == exact[:, None, :]).any(axis=2).mean()
    assert built.queries == QUERIES // 2
    assert share > 0.9
    assert share == pytest.approx(built.recall, abs=0.06)
    assert (built.recall == 1) or built.kind != "flat"


def test_every_row_is_there_the_queries_last(built: Built) -> None:
    rows = _rows()
    assert built.index.ntotal == N
    np.testing.assert_allclose(indexed_rows(built.index, np.arange(N)), rows, atol=5e-3)
    distances, found = nearest_rows(built.index, rows[-QUERIES:], 1, "l2")
    assert (found[:, 0] == np.arange(N - QUERIES, N)).mean() > 0.9
    assert np.median(distances) < 0.01


def test_a_rare_kind_of_row_is_found_by_every_index(built: Built) -> None:
    rows, only = _rows(), np.zeros(N, dtype=bool)
    only[[7, 1234, 2999]] = True
    distances, found = nearest_rows(built.index, rows[:3], 5, "l2", only)
    wanted = np.linalg.norm(rows[:3, None] - rows[[7, 1234, 2999]][None], axis=2)
    assert found.tolist() == np.array([7, 1234, 2999])[np.argsort(wanted, axis=1)].tolist()
    np.testing.assert_allclose(distances, np.sort(wanted, axis=1), rtol=2e-3)


def test_written_and_read_it_searches_alike(built: Built, tmp_path: Path) -> None:
    write_index(tmp_path / "i.faiss", built.index)
    again = read_index(tmp_path / "i.faiss")
    for before, after in zip(
        nearest_rows(built.index, _rows()[:50], 10, "l2"),
        nearest_rows(again, _rows()[:50], 10, "l2"),
        strict=True,
    ):
        np.testing.assert_array_equal(before, after)


def test_wide_rows_go_through_principal_components() -> None:
    rows = _rows(1500, 8) @ np.random.default_rng(3).normal(size=(8, 600)).astype(np.float32)
    built = _build("ivf", rows)
    assert built.recipe.startswith("PCA128,IVF")
    assert built.recall > 0.9


def test_where_the_codes_lose_too_much_more_candidates_are_ordered_anew() -> None:
    rows = np.random.default_rng(4).normal(size=(1500, 600)).astype(np.float32)
    built = _build("ivf", rows)
    assert built.effort["k_factor"] > 10
    assert built.recall > 0.9


def test_a_search_that_meets_too_few_rows_is_completed() -> None:
    built = _build("ivf", _rows())
    tune(built.index, "ivf", _rows()[:5], np.zeros((5, 10), dtype=np.int64), target=0.0)
    found = nearest_rows(built.index, _rows()[:20], 2900, "l2")[1]
    assert (found >= 0).all()
    assert (np.sort(found, axis=1)[:, 1:] > np.sort(found, axis=1)[:, :-1]).all()


def test_the_effort_stops_growing_at_the_target() -> None:
    low, high = (_build("ivf", _rows(), target) for target in (0.3, 1.0))
    assert low.effort["nprobe"] < high.effort["nprobe"]


def test_recall_by_hand_and_ties_count_as_right() -> None:
    line = np.array([[0.0], [1], [2], [3]] + [[100.0]] * 20, dtype=np.float32)
    index = new_index(line, "l2")
    query = np.array([[0.1]], dtype=np.float32)
    exact = np.array([[0, 1, 2, 3, *range(4, 10)]])
    assert recall(index, query, exact) == 1
    assert recall(index, query, np.array([[0, 1, 2, 3, *range(14, 20)]])) == 1  # all at the same place
    assert recall(index, query, np.array([[0, 1, -1, -1, -1, -1, -1, -1, -1, -1]])) == 1


def test_the_kind_follows_the_size() -> None:
    sizes = (FLAT_UP_TO, FLAT_UP_TO + 1, HNSW_UP_TO + 1)
    assert [choose(n) for n in sizes] == ["flat", "hnsw", "ivf"]
    assert recipe("ivf", 1_000_000, 1280) == "PCA128,IVF4096,SQ8,Refine(SQfp16)"
    assert [lists(n) for n in (1, 1000, 1_000_000)] == [1, 16, 4096]
    with pytest.raises(ValueError, match="annoy"):
        recipe("annoy", 10, 10)
