"""Nearest-neighbour search with FAISS, cosine or L2 (faiss is imported at first use)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from coverfusion.data.errors import UserError


def check_metric(metric: str) -> None:
    """Raises ValueError where there is no such metric."""
    if metric not in ("cosine", "l2"):
        raise ValueError(f"metric must be 'cosine' or 'l2', not {metric!r}")


def new_index(Z: np.ndarray, metric: str) -> Any:
    """A flat (exact) FAISS index over the rows of (n, d) float32 Z.

    Raises:
        ValueError: metric is neither "cosine" nor "l2".
    """
    import faiss

    check_metric(metric)
    index = faiss.IndexFlatL2(Z.shape[1])
    index.add(_rows(Z, metric))
    return index


def nearest_rows(
    index: Any, Z: np.ndarray, k: int, metric: str, only: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest indexed rows of each row of (n, d) Z, nearest first.

    Args:
        index: flat, or an approximate one of `fusion.similarity.index_kinds`.
        Z: (n, d) float32 queries.
        k: how many.
        metric: "cosine" or "l2".
        only: (indexed rows,) bool, which rows may be found; such a search is exact with every index, so that
            a rare kind of row is found as surely as a common one.

    Returns:
        (n, k) float64 distances (Euclidean, or 1 - cosine) and (n, k) int64 row numbers; k is the number
        of rows that may be found where there are fewer.
    """
    k = min(k, index.ntotal if only is None else int(only.sum()))
    if k == 0:
        return np.empty((len(Z), 0)), np.empty((len(Z), 0), dtype=np.int64)
    queries = _rows(Z, metric)
    if only is None:
        squared, rows = index.search(queries, k)
        short = (rows < 0).any(axis=1) & (_stored(index) is not index)
        if short.any():  # an approximate search met fewer than k rows
            squared[short], rows[short] = _exact(index, queries[short], k, np.ones(index.ntotal, dtype=bool))
    else:
        squared, rows = _exact(index, queries, k, only)
    squared = np.maximum(squared, 0).astype(np.float64)
    # between unit vectors the squared distance is 2 - 2 cos
    return (squared / 2 if metric == "cosine" else np.sqrt(squared)), rows


def indexed_rows(index: Any, rows: np.ndarray) -> np.ndarray:
    """(m, d) float32 vectors of (m,) row numbers, as the index keeps them (half precision or single)."""
    return _stored(index).reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64))


def write_index(path: Path, index: Any) -> None:
    """Writes a FAISS index."""
    import faiss

    faiss.write_index(index, str(path))


def read_index(path: Path) -> Any:
    """Reads a FAISS index.

    Raises:
        UserError: the file is missing or broken, or its path is not in UTF-8.
    """
    import faiss

    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{path} cannot be read: a part of its name is not in UTF-8. Rename that folder."
        ) from error
    try:
        # lists that an index keeps in a file of its own are looked for beside it, wherever it says they are
        return faiss.read_index(str(path), faiss.IO_FLAG_ONDISK_SAME_DIR)
    except RuntimeError as error:
        raise UserError(f"{path} is missing or is not a FAISS index: {error}") from error


def _exact(index: Any, queries: np.ndarray, k: int, only: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import faiss

    bits = np.packbits(only, bitorder="little")
    # FAISS keeps bare pointers to `bits` and `selector`: both live until the search is over
    selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
    parameters = faiss.SearchParameters()
    parameters.sel = selector
    return _stored(index).search(queries, k, params=parameters)


def _stored(index: Any) -> Any:
    """The part of an index that keeps each whole row."""
    import faiss

    return faiss.downcast_index(index.refine_index) if isinstance(index, faiss.IndexRefine) else index


def _rows(Z: np.ndarray, metric: str) -> np.ndarray:
    rows = np.ascontiguousarray(Z, dtype=np.float32)
    if metric == "cosine":
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return rows
