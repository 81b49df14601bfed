"""Whether a picture looks like the training covers at all, whatever its genre.

Two signs, each made a p-value by covers that it was not learnt from; the smaller one counts.

How far it is from the covers: the squared Mahalanobis distance for each block that says what a picture
looks like, their p-values combined as R. A. Fisher did (Statistical Methods for Research Workers, 1932). For
such distances in an image network's features see K. Lee et al., A Simple Unified Framework for Detecting
Out-of-Distribution Samples and Adversarial Attacks, NeurIPS 2018. It tells noise, blanks and patterns.
Colours, words and people of other pictures are like those of covers, so those blocks only blur it.

How much it is like photos that are no covers, where some are given: logistic regression between them and the
covers on an image network's features. No distance tells plain photos from covers, but a few examples do: D.
Hendrycks, M. Mazeika and T. Dietterich, Deep Anomaly Detection with Outlier Exposure, ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.identity_order import one_of_each
from coverfusion.fusion.blocks import BlockScaler, columns_by_block
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.state_files import read_state, write_state

LOOKS = ("cnn", "clip", "texture")  # blocks that say what a picture looks like; all, where none is there
NETWORKS = ("cnn", "clip")  # blocks that tell photos from covers
BLOCK_COMPONENTS = 64  # components kept of wider blocks
PENALTY = 10.0  # scikit-learn's C; 1 to 100 do about the same
LIKE_COVERS = 0.985  # share of covers that the warning lets pass
MAX_LEARNT_COVERS = 20_000  # training covers that are learnt from
MIN_GROUPS = 100  # groups of training covers below which nothing can be said
NOVELTY_FOLDS = 5
SAME_COVER_DISTANCE = 0.005  # a distance that is shown as 0.00
NEAREST = 5  # training covers that tell whether one of them is this very cover


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


@dataclass(frozen=True)
class Photos:
    """The direction from the covers to photos that are no covers.

    Attributes:
        columns: `block.column` of the blocks that count.
        scaler: fitted to the covers.
        weights: (d,) float64, of the scaled columns.
    """

    columns: list[str]
    scaler: BlockScaler
    weights: np.ndarray

    def likeness(self, X: pd.DataFrame) -> np.ndarray:
        """(n,) how much (n, d) features are like those of photos; only its order has a meaning."""
        rows = self.scaler.transform(X.reindex(columns=self.columns).to_numpy(np.float32))
        return np.asarray(rows @ self.weights)


@dataclass(frozen=True, eq=False)
class Novelty:
    """What training covers look like.

    Attributes:
        looks: where they lie.
        photos: what photos have that covers have not; None where none were given.
        distances: (m, n_blocks) squared distances of covers that they were not learnt from, each column
            sorted.
        signs: (m, 1 or 2) strangeness and likeness to photos of these covers, each column sorted.
        limit: a picture above this oddness is unlike the covers.
    """

    looks: Looks
    photos: Photos | None
    distances: np.ndarray
    signs: np.ndarray
    limit: float

    def is_out_of_distribution(self, X: pd.DataFrame) -> np.ndarray:
        """(n,) bool: which pictures, with features `block.column`, look like no training cover."""
        signs = _signs(
            self.looks.distances(X), self.photos.likeness(X) if self.photos else None, self.distances
        )
        return oddness(signs, self.signs) > self.limit

    def save(self, folder: Path) -> None:
        """Writes one file."""
        folder.mkdir(parents=True, exist_ok=True)
        parts = {"looks": vars(self.looks), "photos": vars(self.photos) if self.photos else None}
        write_state(folder / "state.skops", vars(self) | parts)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; raises UserError where the file is broken or of another version."""
        state = read_state(folder / "state.skops")
        try:
            photos = state.pop("photos")
            return cls(Looks(**state.pop("looks")), Photos(**photos) if photos else None, **state)
        except (KeyError, TypeError) as error:
            raise UserError(
                f"{folder.parent} was made by another version, most likely an older one: this one does not "
                f"know its {folder.name}/. Train again."
            ) from error


def learn_novelty(
    X: pd.DataFrame, groups: np.ndarray, photos: pd.DataFrame | None = None, seed: int = 0
) -> Novelty | None:
    """Learns what covers look like.

    Args:
        X: (n, d) features of the training covers, columns `block.column`.
        groups: (n,) of covers with the same value one is learnt from: many copies of an odd cover must not
            make it ordinary.
        photos: (p, e) features of photos that are no covers; those of `NETWORKS` count.
        seed: of the folds, and of the draw where there are more than 20,000 covers.

    Returns:
        None where fewer than 100 groups say too little.
    """
    rows = one_of_each(groups, seed, "novelty")[:MAX_LEARNT_COVERS]
    if len(rows) < MIN_GROUPS:
        return None
    X = X.iloc[rows]
    fold = np.arange(len(X)) % NOVELTY_FOLDS  # the rows are in random order
    distances, likeness = [], []
    for number in range(NOVELTY_FOLDS):
        rest, held = X[fold != number], X[fold == number]
        distances.append(_fit_looks(rest).distances(held))
        if (direction := _fit_photos(rest, photos)) is not None:
            likeness.append(direction.likeness(held))
    ordered = np.sort(np.concatenate(distances), axis=0)
    signs = _signs(np.concatenate(distances), np.concatenate(likeness) if likeness else None, ordered)
    seen = np.sort(signs, axis=0)
    limit = float(np.quantile(oddness(signs, seen), LIKE_COVERS))
    return Novelty(_fit_looks(X), _fit_photos(X, photos), ordered, seen, limit)


def strangeness(distances: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(n,) sums of -log p over the blocks; p is the share of covers that are at least as far.

    Args:
        distances: (n, n_blocks).
        seen: (m, n_blocks) of covers, each column sorted.
    """
    return surprise(distances, seen).sum(axis=1)


def oddness(signs: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(n,) the largest -log p over the signs; arguments as of `strangeness`."""
    return surprise(signs, seen).max(axis=1)


def surprise(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(n, k) -log p for each of (n, k) values; p is the share of the (m, k) seen ones at least as large.

    Each column of `seen` is sorted; the value itself counts among them, so that p is never 0.
    """
    smaller = np.column_stack([np.searchsorted(s, v) for s, v in zip(seen.T, values.T, strict=True)])
    return -np.log((len(seen) - smaller + 1) / (len(seen) + 1))


def nearest_distances(neighbours: TrainingIndex, X: pd.DataFrame) -> list[np.ndarray]:
    """Distances of n new covers to their `NEAREST` training covers, the nearest first.

    Args:
        neighbours: the training covers.
        X: (n, d) features as `block.column`.
    """
    return [near["distance"].to_numpy(np.float64) for near in neighbours.query(X, NEAREST)]


def is_training_cover(distances: np.ndarray) -> bool:
    """Whether a cover, or one just like it, is among the training covers.

    Where all its nearest ones are alike, as covers without text are for a model of words, none is it.

    Args:
        distances: to its nearest training covers, the nearest first.
    """
    same = distances < SAME_COVER_DISTANCE
    return bool(len(same) and same[0] and (len(same) == 1 or not same[-1]))


def looks_new(novelty: Novelty, X: pd.DataFrame, nearest: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) bool: which pictures look like no training cover; of the training covers themselves, none.

    Args:
        novelty: what training covers look like.
        X: (n, d) features as `block.column`.
        nearest: of each, as `nearest_distances`; none where the training covers are not known.
    """
    flagged = novelty.is_out_of_distribution(X)
    return flagged & ~np.array([is_training_cover(one) for one in nearest]) if nearest else flagged


def _signs(distances: np.ndarray, likeness: np.ndarray | None, seen: np.ndarray) -> np.ndarray:
    """(n, 1 or 2): strangeness, and likeness to photos where it is known."""
    strange = strangeness(distances, seen)
    return np.column_stack([strange] if likeness is None else [strange, likeness])


def _fit_looks(X: pd.DataFrame) -> Looks:
    """Covariances are shrunk: O. Ledoit and M. Wolf 2004, by scikit-learn."""
    from sklearn.covariance import LedoitWolf

    columns = _of_blocks(X, LOOKS) or [str(column) for column in X]
    scaler = BlockScaler(BLOCK_COMPONENTS)
    rows = scaler.fit_transform(X[columns].to_numpy(np.float32), columns_by_block(columns))
    fitted = {
        block: LedoitWolf().fit(rows[:, where].astype(np.float64)) for block, where in scaler.slices.items()
    }
    return Looks(
        columns,
        scaler,
        {block: model.location_ for block, model in fitted.items()},
        {block: model.precision_ for block, model in fitted.items()},
    )


def _fit_photos(X: pd.DataFrame, photos: pd.DataFrame | None) -> Photos | None:
    """None without photos, or without a block that tells them from covers."""
    from sklearn.linear_model import LogisticRegression

    columns = _of_blocks(X, NETWORKS)
    if photos is None or photos.empty or not columns:
        return None
    scaler = BlockScaler()
    covers = scaler.fit_transform(X[columns].to_numpy(np.float32), columns_by_block(columns))
    others = scaler.transform(photos.reindex(columns=columns).to_numpy(np.float32))
    rows = np.concatenate([covers, others]).astype(np.float64)
    model = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000)
    model.fit(rows, np.repeat([0, 1], [len(covers), len(others)]))
    return Photos(columns, scaler, model.coef_[0])


def _of_blocks(X: pd.DataFrame, blocks: tuple[str, ...]) -> list[str]:
    return [str(column) for column in X if str(column).partition(".")[0] in blocks]
