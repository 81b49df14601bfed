"""Exact nearest-neighbour search with FAISS, cosine or L2 (faiss is imported at first use)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data.errors import UserError


def new_index(Z: np.ndarray, metric: str) -> Any:
    """A flat FAISS index over the rows of (n, d) float32 Z.

    Raises:
        ValueError: metric is neither "cosine" nor "l2".
    """
    import faiss

    if metric not in ("cosine", "l2"):
        raise ValueError(f"metric must be 'cosine' or 'l2', not {metric!r}")
    index = faiss.IndexFlatL2(Z.shape[1])
    index.add(_rows(Z, metric))
    return index


def search(index: Any, Z: np.ndarray, k: int, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest indexed rows of each row of (n, d) Z, nearest first.

    Returns:
        (n, k) float64 distances (Euclidean, or 1 - cosine) and (n, k) int64 row numbers; k is the number
        of indexed rows where there are fewer.
    """
    squared, rows = index.search(_rows(Z, metric), min(k, index.ntotal))
    squared = np.maximum(squared, 0).astype(np.float64)
    # between unit vectors the squared distance is 2 - 2 cos
    return (squared / 2 if metric == "cosine" else np.sqrt(squared)), rows


def write_index(path: Path, index: Any) -> None:
    """Writes a FAISS index."""
    import faiss

    faiss.write_index(index, str(path))


def read_index(path: Path) -> Any:
    """Reads a FAISS index.

    Raises:
        UserError: the file is missing or broken.
    """
    import faiss

    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise UserError(f"{path} is missing or is not a FAISS index: {error}") from error


def _rows(Z: np.ndarray, metric: str) -> np.ndarray:
    rows = np.ascontiguousarray(Z, dtype=np.float32)
    if metric == "cosine":
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return rows
