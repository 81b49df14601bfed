"""Drawn vectors are the same each time and as hard as real ones; each kind is measured beside flat."""

import numpy as np
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.bench.drawn_vectors import VECTORS_PER_PIECE, draw_vectors, hardness
from coverfusion.experiments.bench.index import bench_index, print_bench


def test_drawn_vectors_are_the_same_each_time_and_others_from_another_piece() -> None:
    pieces = list(draw_vectors(VECTORS_PER_PIECE + 5, 12, seed=3))
    assert [piece.shape for piece in pieces] == [(VECTORS_PER_PIECE, 12), (5, 12)]
    again = np.concatenate(list(draw_vectors(VECTORS_PER_PIECE + 5, 12, seed=3)))
    np.testing.assert_array_equal(np.concatenate(pieces), again)
    other = next(draw_vectors(VECTORS_PER_PIECE, 12, seed=3, first=1))
    assert np.abs(other - pieces[0]).mean() > 0.1 * np.abs(other).mean()


@pytest.mark.parametrize("dimension", [3, 8])
def test_the_intrinsic_dimension_is_that_of_the_plane_the_points_lie_in(dimension: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((4000, dimension)) @ rng.normal(size=(dimension, 40))
    difficulty = hardness(rows.astype(np.float32))
    assert difficulty["intrinsic_dimension"] == pytest.approx(dimension, rel=0.15)
    assert difficulty["components_90"] <= dimension


@pytest.mark.slow
def test_the_bench_measures_each_kind_beside_flat(capsys: pytest.CaptureFixture[str]) -> None:
    frame = bench_index(10_000, 32, ["ivf"])
    print_bench(frame, 10_000, 32)
    assert frame["kind"].tolist() == ["flat", "ivf"]
    assert frame["recall_at_10"][0] == 1
    assert frame["recall_at_10"][1] > 0.9
    assert frame["times_flat"][0] == 1
    assert frame["times_flat"][1] == pytest.approx(frame["queries_s"][1] / frame["queries_s"][0])
    assert (frame[["queries_s", "queries_s_one_thread", "ms_alone", "peak_gb"]] > 0).all(axis=None)
    assert "intrinsic dimension" in capsys.readouterr().out


def test_too_few_vectors_and_unknown_kinds_are_refused() -> None:
    with pytest.raises(UserError, match="10,000 --vectors"):
        bench_index(100, 32)
    with pytest.raises(UserError, match="Did you mean 'hnsw'"):
        bench_index(10_000, 32, ["hnws"])
