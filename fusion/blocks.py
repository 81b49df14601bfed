"""Which columns belong to which block, and the same preparation for each block on its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from scipy.linalg import eigh

ONE_BLOCK = "all"  # the block's name where columns have no `block.` prefix
NUMBERED = re.compile(r"(embedding|letterforms|ngram)_\d+$")
LARGEST = 10.0  # standardised values are cut here, so that one odd cover does not rule a distance


def columns_by_block(columns: Iterable[object]) -> dict[str, np.ndarray]:
    """Block name -> (k,) positions of its columns, blocks in the order of their first column.

    The numbered columns that stand in a block beside readable columns form blocks of their own,
    `ocr.embedding` and `ocr.letterforms` beside `ocr`: hundreds of numbers must not drown five counts.

    Args:
        columns: names such as `color.saturation_mean`; the block is what stands before the first dot.
            Names without a dot form one block called "all".
    """
    families: dict[str, dict[str, list[int]]] = {}
    for position, column in enumerate(columns):
        block, dot, rest = str(column).partition(".")
        numbered = NUMBERED.search(rest if dot else block)
        family = numbered[1] if numbered else ""
        families.setdefault(block if dot else ONE_BLOCK, {}).setdefault(family, []).append(position)
    blocks = {}
    for block, found in families.items():
        for family, where in found.items():
            blocks[f"{block}.{family}" if family and len(found) > 1 else block] = where
    return {block: np.array(where) for block, where in sorted(blocks.items(), key=lambda item: item[1][0])}


def missing_by_block(X: np.ndarray, blocks: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n, n_blocks) bool: True where a row has no value at all in a block."""
    return np.column_stack([np.isnan(X[:, where]).all(axis=1) for where in blocks.values()])


def principal_components(centred: np.ndarray, kept: int) -> np.ndarray:
    """(d, min(kept, n, d)) float32 directions of most variance, most first, of (n, d) centred rows.

    From the smaller of the two Gram matrices, with LAPACK's solver for a few eigenvectors: exact, and for a
    wide embedding several times as fast as scikit-learn's PCA with any solver. The sign of each is fixed by
    its largest entry, so that the result does not depend on the machine.
    """
    n, d = centred.shape
    kept = min(kept, n, d)
    gram = (centred.T @ centred if d <= n else centred @ centred.T).astype(np.float64)
    vectors = eigh(gram, subset_by_index=[len(gram) - kept, len(gram) - 1])[1][:, ::-1]
    if d > n:
        vectors = centred.T @ vectors
        vectors /= np.maximum(np.linalg.norm(vectors, axis=0), np.finfo(np.float32).tiny)
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(kept)]
    return np.ascontiguousarray(vectors * np.where(largest < 0, -1, 1), dtype=np.float32)


Learnt = dict[str, np.ndarray]
_reused: ContextVar[dict[tuple[Any, ...], tuple[Learnt, np.ndarray]] | None] = ContextVar(
    "reused", default=None
)


@contextmanager
def reused_transforms() -> Iterator[None]:
    """Within this context a block whose rows were prepared before is not prepared again.

    What was learnt is kept by a digest of the block's training rows, so the numbers stay the same. For
    fitting many subsets of blocks on one fold.
    """
    token = _reused.set({})
    try:
        yield
    finally:
        _reused.reset(token)


def unit_variance(Z: np.ndarray, slices: Mapping[str, slice]) -> np.ndarray:
    """Rows from a `BlockScaler` with each column, not each block, of about unit variance; changed in place.

    Args:
        Z: (n, width) float32.
        slices: of the scaler.
    """
    for where in slices.values():
        Z[:, where] *= np.float32(np.sqrt(where.stop - where.start))
    return Z


class BlockScaler:
    """Standardises, fills gaps and optionally projects (PCA) each block on its own.

    Steps for each block, all learnt from the rows given to `fit`: columns to zero mean and unit variance;
    gaps become 0 (the mean) and, where training rows had gaps, one 0/1 column for each distinct pattern of
    gaps says so (centred, not scaled: a rare gap must not become a huge value); then PCA where the block is
    wider than `pca`. The block's columns are divided by the square root of their summed variance, so that
    the mean squared distance between two rows is 2 in every block, and multiplied by its weight.

    Args:
        pca: keep this many components of wider blocks; None: no PCA.

    Attributes:
        slices: block -> its columns in the output.
        weights: block -> the factor of its columns, 1 after `fit`.
    """

    def __init__(self, pca: int | None = None) -> None:
        self.pca = pca

    def fit(self, X: np.ndarray, blocks: Mapping[str, np.ndarray]) -> BlockScaler:
        """Learns from (n, d) float32 rows; `blocks` as made by `columns_by_block`."""
        self.fit_transform(X, blocks)
        return self

    def fit_transform(self, X: np.ndarray, blocks: Mapping[str, np.ndarray]) -> np.ndarray:
        """`fit`, then the (n, width) float32 output for the same rows."""
        self.blocks = {name: np.asarray(where) for name, where in blocks.items()}
        self.weights = dict.fromkeys(self.blocks, 1.0)
        self.parts: dict[str, Learnt] = {}
        self.slices: dict[str, slice] = {}
        outputs, start = [], 0
        for name, where in self.blocks.items():
            self.parts[name], output = self._fit_once(X[:, where])
            self.slices[name] = slice(start, start + output.shape[1])
            start += output.shape[1]
            outputs.append(output)
        return np.concatenate(outputs, axis=1)

    def transform(self, X: np.ndarray) -> np.ndarray:
        """(n, d) float32 with NaN -> (n, width) float32 without."""
        return np.concatenate(
            [
                self.weights[name] * self._apply(X[:, where], self.parts[name])
                for name, where in self.blocks.items()
            ],
            axis=1,
            dtype=np.float32,
        )

    def _fit_once(self, part: np.ndarray) -> tuple[Learnt, np.ndarray]:
        reused = _reused.get()
        if reused is None:
            return self._fit_block(part)
        key = (self.pca, part.shape, hashlib.blake2b(np.ascontiguousarray(part).data).digest())
        if key not in reused:
            reused[key] = self._fit_block(part)
        return reused[key]

    def _fit_block(self, part: np.ndarray) -> tuple[Learnt, np.ndarray]:
        present = ~np.isnan(part)
        count = np.maximum(present.sum(axis=0), 1)
        mean = np.where(present, part, 0).sum(axis=0, dtype=np.float64) / count
        variance = np.where(present, (part - mean) ** 2, 0).sum(axis=0) / count
        scale = np.sqrt(variance)
        scale[scale < 1e-6 * np.maximum(np.abs(mean), 1e-6)] = 1.0
        gappy = np.flatnonzero(~present.all(axis=0))
        gaps = gappy[np.sort(np.unique(present[:, gappy], axis=1, return_index=True)[1])]
        learnt = {
            "mean": mean.astype(np.float32),
            "scale": scale.astype(np.float32),
            "gaps": gaps,
            "gap_mean": (~present[:, gaps]).mean(axis=0).astype(np.float32),
        }
        output = self._standardise(part, learnt)
        if self.pca is not None and output.shape[1] > self.pca:
            learnt["centre"] = output.mean(axis=0)
            learnt["components"] = principal_components(output - learnt["centre"], self.pca)
            output = (output - learnt["centre"]) @ learnt["components"]
        size = np.sqrt(output.var(axis=0).sum())
        learnt["size"] = np.float32(size if size > 0 else 1.0)
        return learnt, output / learnt["size"]

    @staticmethod
    def _standardise(part: np.ndarray, learnt: Learnt) -> np.ndarray:
        standard = np.clip((part - learnt["mean"]) / learnt["scale"], -LARGEST, LARGEST)
        np.nan_to_num(standard, copy=False)
        gaps = np.isnan(part[:, learnt["gaps"]]) - learnt["gap_mean"]
        return np.concatenate([standard, gaps], axis=1, dtype=np.float32)

    def _apply(self, part: np.ndarray, learnt: Learnt) -> np.ndarray:
        output = self._standardise(part, learnt)
        if "components" in learnt:
            output = (output - learnt["centre"]) @ learnt["components"]
        return output / learnt["size"]
