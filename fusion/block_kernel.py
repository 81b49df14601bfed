"""The kernel over blocks and text, between any covers and the training covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.sparse import csr_matrix

from coverfusion.fusion.block_weights import combined, equal_weights, learn_weights, squared_distances
from coverfusion.fusion.blocks import BlockScaler

TextRows = Mapping[str, csr_matrix]
WEIGHTS = ("learn", "equal")
ROWS_AT_ONCE = 2048  # rows predicted at a time


class BlockKernel:
    """The sum of kernels of `fusion.block_weights`.

    Each block is standardised (and projected) on its own and scaled to a mean squared distance of 2.

    Args:
        weights: "learn", or "equal": a product of equal widths, and text that counts as much.
        pca: components kept of wider blocks; None: no PCA.

    Attributes after `fit`:
        weights_: the `KernelWeights`; the ridge is 1 beside them.
        rows, text_rows: the training covers.
    """

    def __init__(self, weights: str = "learn", pca: int | None = 256) -> None:
        self.weights = weights
        self.pca = pca

    def fit(
        self,
        X: np.ndarray,
        blocks: Mapping[str, np.ndarray],
        texts: TextRows,
        y: np.ndarray,
        groups: np.ndarray | None,
        seed: int,
    ) -> np.ndarray:
        """Learns from (n, d) rows, (n, terms) rows of text, and (n,) class codes.

        Returns:
            (n, n) float32, the kernel between the rows.

        Raises:
            ValueError: other weights.
        """
        if self.weights not in WEIGHTS:
            raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, not {self.weights!r}")
        self.scaler = BlockScaler(self.pca)
        self.rows, self.text_rows = self.scaler.fit_transform(X, blocks), dict(texts)
        if self.weights == "learn":
            self.weights_ = learn_weights(self.rows, self.scaler.slices, texts, y, groups, seed=seed)
        else:
            self.weights_ = equal_weights(list(blocks), list(texts))
        return self._between(self.rows, texts)

    def __call__(self, X: np.ndarray, texts: TextRows) -> np.ndarray:
        """(m, n) float32 kernel between (m, d) rows with their text and the training rows."""
        return self._between(self.scaler.transform(X), texts)

    def _between(self, Z: np.ndarray, texts: TextRows) -> np.ndarray:
        slices = self.scaler.slices
        distances = {block: squared_distances(Z[:, s], self.rows[:, s]) for block, s in slices.items()}
        products = {name: (texts[name] @ self.text_rows[name].T).toarray() for name in self.weights_.texts}
        return combined(self.weights_, distances, products).astype(np.float32, copy=False)


def kernel_chunks(kernel: BlockKernel, X: np.ndarray, texts: TextRows) -> Iterator[np.ndarray]:
    """The (m, n) kernel of (m, d) rows with their text, some rows at a time; memory stays bounded."""
    for start in range(0, len(X), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        yield kernel(X[rows], {column: text[rows] for column, text in texts.items()})


def sample_rows(y: np.ndarray, largest_n: int, seed: int) -> np.ndarray:
    """All rows, or a random sample of about `largest_n` that holds every class and keeps their shares."""
    if len(y) <= largest_n:
        return np.arange(len(y))
    shuffled = np.random.default_rng(seed).permutation(len(y))
    kept = []
    for code in np.unique(y):
        members = shuffled[y[shuffled] == code]
        kept.append(members[: max(1, round(largest_n * len(members) / len(y)))])
    return np.sort(np.concatenate(kept))
