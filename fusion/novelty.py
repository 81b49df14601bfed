"""Whether a picture looks like the training covers at all, whatever its genre.

The squared Mahalanobis distance to the training covers, for each block that says what a picture looks like;
each made a p-value by covers that it was not learnt from; the p-values combined as R. A. Fisher did
(Statistical Methods for Research Workers, 1932). For such distances in an image network's features see K. Lee
et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks, NeurIPS
2018. The nearest cover alone says less: among many features even a plain photo has a near one. Colours, words
and people of other pictures are like those of covers, so those blocks only blur the warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from data.errors import UserError
from fusion.blocks import BlockScaler, columns_by_block
from fusion.decision import one_a_group
from fusion.files import read_state, write_state
from fusion.neighbours import Neighbours

LOOKS = ("cnn", "clip", "texture")  # blocks that say what a picture looks like; all, where none is there
PCA = 64  # components kept of wider blocks
LIKE_COVERS = 0.99  # share of covers that the warning lets pass
MOST = 20_000  # training covers that are learnt from
FEWEST = 100  # groups of training covers below which nothing can be said
FOLDS = 5


@dataclass(frozen=True)
class Looks:
    """Where the covers lie.

    Attributes:
        columns: `block.column` of the blocks that count.
        scaler: fitted to them.
        means: block -> (d,) float64 mean of its scaled columns.
        inverses: block -> (d, d) float64 inverse covariance.
    """

    columns: list[str]
    scaler: BlockScaler
    means: dict[str, np.ndarray]
    inverses: dict[str, np.ndarray]

    def distances(self, X: pd.DataFrame) -> np.ndarray:
        """(n, n_blocks) squared Mahalanobis distances of (n, d) features; what is not there is ordinary."""
        rows = self.scaler.transform(X.reindex(columns=self.columns).to_numpy(np.float32))
        found = []
        for block, where in self.scaler.slices.items():
            centred = rows[:, where] - self.means[block]
            found.append(np.einsum("ij,jk,ik->i", centred, self.inverses[block], centred, optimize=True))
        return np.column_stack(found)


@dataclass(frozen=True, eq=False)
class Novelty:
    """What training covers look like.

    Attributes:
        looks: where they lie.
        seen: (m, n_blocks) squared distances of covers that they were not learnt from, each column sorted.
        limit: a picture above this strangeness is unlike the covers.
    """

    looks: Looks
    seen: np.ndarray
    limit: float

    def unlike(self, X: pd.DataFrame) -> np.ndarray:
        """(n,) bool: which pictures, with features `block.column`, look like no training cover."""
        return strangeness(self.looks.distances(X), self.seen) > self.limit

    def save(self, folder: Path) -> None:
        """Writes one file."""
        folder.mkdir(parents=True, exist_ok=True)
        state = vars(self.looks) | {"seen": self.seen, "limit": self.limit}
        write_state(folder / "state.skops", state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; raises UserError where the file is missing or broken."""
        state = read_state(folder / "state.skops")
        try:
            seen, limit = state.pop("seen"), state.pop("limit")
            return cls(Looks(**state), seen, limit)
        except (KeyError, TypeError) as error:
            raise UserError(f"{folder / 'state.skops'} is not what was saved: {error}.") from error


def learn_novelty(X: pd.DataFrame, groups: np.ndarray, seed: int = 0) -> Novelty | None:
    """Learns what covers look like.

    Args:
        X: (n, d) features of the training covers, columns `block.column`.
        groups: (n,) of covers with the same value one is learnt from: many copies of an odd cover must not
            make it ordinary.
        seed: of the folds, and of the draw where there are more than 20,000 covers.

    Returns:
        None where fewer than 100 groups say too little.
    """
    rows = np.random.default_rng(seed).permutation(one_a_group(groups, seed))[:MOST]
    if len(rows) < FEWEST:
        return None
    columns = [c for c in X if str(c).partition(".")[0] in LOOKS] or list(X)
    X = X.iloc[rows][columns]
    fold = np.arange(len(X)) % FOLDS  # the rows are in random order
    held = [_fit(X[fold != number]).distances(X[fold == number]) for number in range(FOLDS)]
    seen = np.concatenate(held)
    ordered = np.sort(seen, axis=0)
    return Novelty(_fit(X), ordered, float(np.quantile(strangeness(seen, ordered), LIKE_COVERS)))


def strangeness(distances: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(n,) sums of -log p over the blocks; p is the share of covers that are at least as far.

    Args:
        distances: (n, n_blocks).
        seen: (m, n_blocks) of covers, each column sorted.
    """
    nearer = np.column_stack([np.searchsorted(s, d) for s, d in zip(seen.T, distances.T, strict=True)])
    return -np.log((len(seen) - nearer + 1) / (len(seen) + 1)).sum(axis=1)


def nearest_distances(neighbours: Neighbours, X: pd.DataFrame) -> np.ndarray:
    """(n,) float64 distances of new covers, features as `block.column`, to the nearest training cover."""
    return np.array([near["distance"].iloc[0] for near in neighbours.query(X, 1)], dtype=np.float64)


def _fit(X: pd.DataFrame) -> Looks:
    """Covariances are shrunk: O. Ledoit and M. Wolf 2004, by scikit-learn."""
    from sklearn.covariance import LedoitWolf

    columns = [str(column) for column in X]
    scaler = BlockScaler(PCA)
    rows = scaler.fit_transform(X.to_numpy(np.float32), columns_by_block(columns))
    fitted = {
        block: LedoitWolf().fit(rows[:, where].astype(np.float64)) for block, where in scaler.slices.items()
    }
    return Looks(
        columns,
        scaler,
        {block: model.location_ for block, model in fitted.items()},
        {block: model.precision_ for block, model in fitted.items()},
    )
