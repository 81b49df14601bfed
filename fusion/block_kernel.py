"""The kernel over blocks and text, between any covers and the training covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.sparse import csr_matrix

from coverfusion.data.errors import UserError
from coverfusion.data.seeds import draws
from coverfusion.fusion.block_weights import (
    KernelWeights,
    combined,
    equal_weights,
    learn_weights,
    squared_distances,
)
from coverfusion.fusion.blocks import BlockScaler

TextRows = Mapping[str, csr_matrix]
WEIGHTS = ("learn", "equal")
ROWS_AT_ONCE = 2048  # rows predicted at a time
ALONE_ROWS = 500  # training rows that the weights of a block alone are searched on
TEXT = "(text)"  # the part that is all columns of text; no block is called so


def check_weights(weights: str) -> None:
    """Raises ValueError where `BlockKernel` knows no such weights."""
    if weights not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, not {weights!r}")


class BlockKernel:
    """The sum of kernels of `fusion.block_weights`.

    Each block is standardised (and projected) on its own and scaled to a mean squared distance of 2.

    Args:
        weights: "learn", or "equal": a product of equal widths, and text that counts as much.
        pca: components kept of wider blocks; None: no PCA.
        sums: whether each block has a kernel of its own in the sum.

    Attributes after `fit`:
        weights_: the `KernelWeights`; the ridge is 1 beside them.
        rows, text_rows: the training covers.
    """

    def __init__(self, weights: str = "learn", pca: int | None = 256, sums: bool = True) -> None:
        self.weights = weights
        self.pca = pca
        self.sums = sums

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
        check_weights(self.weights)
        self.scaler = BlockScaler(self.pca)
        self.rows, self.text_rows = self.scaler.fit_transform(X, blocks), dict(texts)
        if self.weights == "learn":
            slices = self.scaler.slices
            self.weights_ = learn_weights(self.rows, slices, texts, y, groups, self.sums, seed=seed)
        else:
            self.weights_ = equal_weights(list(blocks), list(texts))
        return self.between(self.rows, texts)

    def alone(self, part: str, y: np.ndarray, groups: np.ndarray | None, seed: int) -> KernelWeights:
        """The weights of the kernel of one block alone, or of the text alone.

        Args:
            part: one of `parts`.
            y: (n,) class codes of the training rows.
            groups: (n,) covers that must not vouch for each other, or None.
            seed: of the sample that is searched on.
        """
        slices = {part: self.scaler.slices[part]} if part != TEXT else {}
        texts = self.text_rows if part == TEXT else {}
        if self.weights == "learn":
            return learn_weights(self.rows, slices, texts, y, groups, False, ALONE_ROWS, seed)
        return equal_weights(list(slices), list(texts))

    @property
    def parts(self) -> list[str]:
        """The blocks that differ between covers, and "(text)" where there is any."""
        blocks = [block for block, where in self.scaler.slices.items() if self.rows[:, where].any()]
        return [*blocks, *([TEXT] if self.text_rows else [])]

    def check(self, terms: Mapping[str, int]) -> None:
        """Raises UserError where loaded rows of text would be read beyond their ends.

        Args:
            terms: text column -> how many its vocabulary has.
        """
        try:
            for column, matrix in self.text_rows.items():
                matrix.check_format(full_check=True)
                if matrix.shape != (len(self.rows), terms.get(column, -1)):
                    raise ValueError(f"{column} has the shape {matrix.shape}")
        except (ValueError, AttributeError, TypeError) as error:
            raise UserError(f"The saved classifier's text is broken ({error}). Train it again.") from error

    def chunks(self, X: np.ndarray, texts: TextRows) -> Iterator[tuple[np.ndarray, TextRows]]:
        """(m, d) rows and their text as `between` takes them, some at a time; memory stays bounded."""
        for start in range(0, len(X), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            yield self.scaler.transform(X[rows]), {column: text[rows] for column, text in texts.items()}

    def between(self, Z: np.ndarray, texts: TextRows, weights: KernelWeights | None = None) -> np.ndarray:
        """(m, n) float32 kernel between m prepared rows with their text and the n training rows.

        Args:
            Z: (m, width) of `chunks`.
            texts: of `chunks`.
            weights: of `alone`; None: `weights_`.
        """
        chosen = weights or self.weights_
        slices = self.scaler.slices
        counted = [part for part, width in chosen.widths.items() if width or part in chosen.sums]
        distances = (
            (part, squared_distances(Z[:, slices[part]], self.rows[:, slices[part]])) for part in counted
        )
        products = ((name, (texts[name] @ self.text_rows[name].T).toarray()) for name in chosen.texts)
        return combined(chosen, distances, products).astype(np.float32, copy=False)


def sample_rows(y: np.ndarray, largest_n: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """All rows, or a random sample of about `largest_n` that holds every class and keeps their shares.

    Groups are drawn, so that a row's luck hangs on its own group alone.
    """
    if len(y) <= largest_n:
        return np.arange(len(y))
    names, group = np.unique(np.arange(len(y)) if groups is None else groups, return_inverse=True)
    y = y if y.ndim == 1 else y.argmax(axis=1)  # the first of several
    shuffled = np.argsort(draws(names.tolist(), seed, "largest_n")[group], kind="stable")
    kept = []
    for code in np.unique(y):
        members = shuffled[y[shuffled] == code]
        kept.append(members[: max(1, round(largest_n * len(members) / len(y)))])
    return np.sort(np.concatenate(kept))
