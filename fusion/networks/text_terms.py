"""Text as an embedding bag takes it: the terms of each row and their weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from scipy.sparse import csr_matrix

MOST_TERMS = 256  # of one text; those of most weight


def bags_of(texts: Mapping[str, csr_matrix]) -> dict[str, torch.Tensor]:
    """`terms_k` (n, m) int64 and `tfidf_k` (n, m) float32 for the k-th text column.

    Term 0 stands for none: terms are counted from 1, and rows are filled up with it.

    Args:
        texts: column -> (n, terms) rows of TF-IDF.
    """
    bags: dict[str, torch.Tensor] = {}
    for k, rows in enumerate(texts.values()):
        width = min(MOST_TERMS, max(1, int(np.diff(rows.indptr).max(initial=0))))
        terms = np.zeros((rows.shape[0], width), np.int64)
        weights = np.zeros((rows.shape[0], width), np.float32)
        for row, (start, end) in enumerate(zip(rows.indptr[:-1], rows.indptr[1:], strict=True)):
            strongest = np.argsort(-rows.data[start:end], kind="stable")[:width]
            terms[row, : len(strongest)] = rows.indices[start:end][strongest] + 1
            weights[row, : len(strongest)] = rows.data[start:end][strongest]
        bags |= {f"terms_{k}": torch.from_numpy(terms), f"tfidf_{k}": torch.from_numpy(weights)}
    return bags


def no_terms(texts: Mapping[str, csr_matrix], n: int) -> np.ndarray:
    """(n, text columns) bool: True where a row has no known term."""
    columns = [np.diff(rows.indptr) == 0 for rows in texts.values()]
    return np.column_stack(columns) if columns else np.zeros((n, 0), bool)
