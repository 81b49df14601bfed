import os
from pathlib import Path

import numpy as np
import pytest

from coverfusion.data.errors import UserError
from coverfusion.fusion.similarity.vector_search import indexed_rows, nearest_rows, new_index, read_index

LINE = np.array([[0.0], [1], [2], [10]], dtype=np.float32)


def test_only_some_rows_are_found_and_as_many_as_there_are() -> None:
    index = new_index(LINE, "l2")
    distances, rows = nearest_rows(index, np.array([[0.4]]), 3, "l2", np.array([False, True, False, True]))
    assert rows.tolist() == [[1, 3]]
    np.testing.assert_allclose(distances, [[0.6, 9.6]], rtol=1e-5)


def test_no_row_allowed_finds_none() -> None:
    distances, rows = nearest_rows(new_index(LINE, "l2"), LINE[:2], 3, "l2", np.zeros(4, dtype=bool))
    assert distances.shape == rows.shape == (2, 0)


def test_filtered_search_is_brute_force_over_the_allowed_rows() -> None:
    rng = np.random.default_rng(0)
    Z, queries, only = rng.normal(size=(203, 7)), rng.normal(size=(5, 7)), rng.random(203) < 0.3
    rows = nearest_rows(new_index(Z, "cosine"), queries, 4, "cosine", only)[1]
    unit = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    cosines = np.where(only, queries @ unit.T, -np.inf)
    np.testing.assert_array_equal(rows, np.argsort(-cosines, axis=1)[:, :4])


def test_indexed_rows_are_what_was_put_in() -> None:
    np.testing.assert_array_equal(indexed_rows(new_index(LINE, "l2"), np.array([3, 0])), [[10], [0]])


def test_another_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="dot"):
        new_index(LINE, "dot")


def test_an_index_in_a_folder_that_faiss_cannot_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not in UTF-8"):
        read_index(Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9/index.faiss")))
