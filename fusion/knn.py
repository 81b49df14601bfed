"""k nearest neighbours through FAISS; probabilities are shares of votes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.block_weights import learn_widths
from coverfusion.fusion.blocks import BlockScaler
from coverfusion.fusion.registry import register
from coverfusion.fusion.similarity.vector_search import (
    check_metric,
    nearest_rows,
    new_index,
    read_index,
    write_index,
)


@register("knn")
class FusionKNN(BlockClassifier):
    """Votes of the k nearest training covers, searched exactly by FAISS.

    Args:
        k: how many neighbours vote (all, where there are fewer).
        metric: "cosine" or "l2".
        weights: "uniform", "distance" (a vote counts 1 / distance; where a neighbour is at distance 0, only
            such neighbours count) as in scikit-learn.
        smoothing: this many further votes are spread as the genres are among the training covers, so that
            no genre gets a probability of 0 because k covers did not name it.
        block_weights: "learn" (the square roots of the RBF widths of `fusion.block_weights`) or "equal".
        pca: components kept of wider blocks; None: no PCA.
        class_weight: as in scikit-learn; multiplies the votes of a class.
        random_state: seed of the sample that block weights are learnt on; the search itself is exact.
    """

    own_files = ("index_",)
    many = True

    def __init__(
        self,
        *,
        k: int = 15,
        metric: str = "cosine",
        weights: str = "distance",
        smoothing: float = 1.0,
        block_weights: str = "learn",
        pca: int | None = 64,
        class_weight: str | dict[str, float] | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.k = k
        self.metric = metric
        self.weights = weights
        self.smoothing = smoothing
        self.block_weights = block_weights
        self.pca = pca
        self.class_weight = class_weight
        self.random_state = random_state

    def check_parameters(self) -> None:
        """As `BlockClassifier`, and the names of metric and weights."""
        check_metric(self.metric)
        if self.weights not in ("uniform", "distance"):
            raise ValueError(f"weights must be 'uniform' or 'distance', not {self.weights!r}")
        if self.block_weights not in ("learn", "equal"):
            raise ValueError(f"block_weights must be 'learn' or 'equal', not {self.block_weights!r}")
        super().check_parameters()

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None) -> None:
        self.check_parameters()
        self.scaler_ = BlockScaler(self.pca)
        Z = self.scaler_.fit_transform(X, self.blocks_)
        if self.block_weights == "learn" and len(self.blocks_) > 1:
            widths = learn_widths(Z, self.scaler_.slices, y, groups, seed=self._seed())
            self.scaler_.weights = {name: float(np.sqrt(width)) for name, width in widths.items()}
            Z = self.scaler_.transform(X)
        self.index_ = new_index(Z, self.metric)
        self.votes_ = (y if y.ndim == 2 else np.eye(len(self.classes_))[y]) * weight[:, None]

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        distances, neighbours = nearest_rows(self.index_, self.scaler_.transform(X), self.k, self.metric)
        shares = vote_weights(distances) if self.weights == "distance" else np.ones_like(distances)
        shares = shares / shares.mean(axis=1, keepdims=True)  # so that one vote stays one vote
        votes = np.einsum("nk,nkc->nc", shares, self.votes_[neighbours])
        votes = votes + self.smoothing * self.votes_.mean(axis=0)
        # of several genres each is a proportion of all votes; of one, they are made to sum to 1
        return votes / (neighbours.shape[1] + self.smoothing) if hasattr(self, "several_") else votes

    def _save_parts(self, folder: Path) -> None:
        write_index(folder / "neighbours.faiss", self.index_)

    def _load_parts(self, folder: Path) -> None:
        self.index_ = read_index(folder / "neighbours.faiss")


def vote_weights(distances: np.ndarray) -> np.ndarray:
    """1 / distance; in a row with distances of 0, 1 for those and 0 for the others."""
    exact = distances == 0
    with np.errstate(divide="ignore"):
        return np.where(exact.any(axis=1, keepdims=True), exact.astype(float), 1 / distances)
