"""An RBF kernel with one width a block, between any covers and the training covers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from coverfusion.fusion.block_weights import learn_widths, squared_distances
from coverfusion.fusion.blocks import BlockScaler

Widths = str | Mapping[str, float]


class BlockKernel:
    """exp(-sum over blocks of width * squared distance in that block).

    Each block is standardised (and projected) on its own and scaled to a mean squared distance of 2.

    Args:
        widths: "learn" (`fusion.block_weights`), "equal" (1 / number of blocks each), or block -> width.
        pca: components kept of wider blocks; None: no PCA.

    Attributes after `fit`:
        gammas: block -> width; 0 where a block does not help.
        ridge: the ridge that was learnt with the widths; 1 where they were given.
    """

    def __init__(self, widths: Widths = "learn", pca: int | None = 128) -> None:
        self.widths = widths
        self.pca = pca

    def fit(
        self,
        X: np.ndarray,
        blocks: Mapping[str, np.ndarray],
        y: np.ndarray,
        groups: np.ndarray | None,
        seed: int,
    ) -> np.ndarray:
        """Learns from (n, d) rows and (n,) class codes; the (n, n) float32 kernel between the rows.

        Raises:
            ValueError: the widths are neither known words nor one number for each block.
        """
        self.scaler = BlockScaler(self.pca)
        Z = self.scaler.fit_transform(X, blocks)
        self.ridge = 1.0
        if self.widths == "learn":
            self.gammas, self.ridge = learn_widths(Z, self.scaler.slices, y, groups, seed=seed)
        elif self.widths == "equal":
            self.gammas = dict.fromkeys(blocks, 1 / len(blocks))
        elif isinstance(self.widths, Mapping) and set(self.widths) == set(blocks):
            self.gammas = {name: float(self.widths[name]) for name in blocks}
        else:
            raise ValueError(
                f"widths must be 'learn', 'equal' or a number for each of {', '.join(blocks)}; "
                f"got {self.widths!r}"
            )
        self.scaler.weights = {name: float(np.sqrt(gamma)) for name, gamma in self.gammas.items()}
        self.rows = self.scaler.transform(X)
        return np.exp(-squared_distances(self.rows, self.rows))

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """(m, n) float32 kernel between (m, d) rows and the training rows."""
        return np.exp(-squared_distances(self.scaler.transform(X), self.rows))


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
