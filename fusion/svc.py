"""A support vector machine whose RBF kernel weighs the blocks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import softmax
from sklearn.svm import SVC

from fusion.base import BlockClassifier
from fusion.block_weights import learn_gammas, squared_distances
from fusion.blocks import BlockScaler
from fusion.calibration import inverse_temperature
from fusion.inner import inner_folds
from fusion.registry import register

LARGEST_KERNEL = 12_000  # training rows; above, their kernel matrix would take more than 1.2 GB
CHUNK = 4096  # rows predicted at a time


@register("svc")
class FusionSVC(BlockClassifier):
    """RBF support vector classifier on weighted blocks, with calibrated probabilities.

    Each block is standardised (and projected) on its own and scaled to the same mean squared distance; then
    the blocks' RBF widths are learnt from the closed-form leave-one-out error of kernel ridge regression
    (`fusion.block_weights`). Probabilities are a softmax of the one-against-rest scores with one
    temperature, found on out-of-fold scores of inner folds that keep groups together.

    Args:
        C: the cost of a mistake.
        block_gammas: "learn", "equal" (1 / number of blocks each), or block -> RBF width on distances whose
            mean is 2 in every block.
        pca: components kept of wider blocks; None: no PCA.
        class_weight: as in scikit-learn.
        inner_splits: inner folds for the temperature.
        random_state: seed of the sample that widths are learnt on and of the inner folds.

    Attributes after `fit`:
        gammas_: block -> learnt width; 0 where a block does not help.
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        block_gammas: str | Mapping[str, float] = "learn",
        pca: int | None = None,
        class_weight: str | dict | None = "balanced",
        inner_splits: int = 5,
        random_state: int | None = 0,
    ) -> None:
        self.C = C
        self.block_gammas = block_gammas
        self.pca = pca
        self.class_weight = class_weight
        self.inner_splits = inner_splits
        self.random_state = random_state

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None) -> None:
        seed = self._seed()
        self.scaler_ = BlockScaler(self.pca)
        Z = self.scaler_.fit_transform(X, self.blocks_)
        self.gammas_ = self._gammas(Z, y, groups, seed)
        self.scaler_.weights = {name: float(np.sqrt(gamma)) for name, gamma in self.gammas_.items()}
        Z = self.scaler_.transform(X)
        self.rows_ = Z if len(Z) <= LARGEST_KERNEL else None
        K = self._against_rows(Z)
        scores = np.full((len(y), len(self.classes_)), np.nan)
        for train, test in inner_folds(y, groups, self.inner_splits, seed):
            known = train if self.rows_ is not None else slice(None)
            svc = self._new_svc().fit(K[train][:, known], y[train], weight[train])
            scores[test] = _scores(svc, K[test][:, known])
        out = ~np.isnan(scores[:, 0])
        self.inverse_temperature_ = (
            inverse_temperature(scores[out], y[out], weight[out]) if out.any() else 1.0
        )
        self.svc_ = self._new_svc().fit(K, y, weight)

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        scores = [
            _scores(self.svc_, self._against_rows(self.scaler_.transform(X[start : start + CHUNK])))
            for start in range(0, len(X), CHUNK)
        ]
        return softmax(self.inverse_temperature_ * np.concatenate(scores), axis=1)

    def _against_rows(self, Z: np.ndarray) -> np.ndarray:
        """The kernel between rows and all training rows: one matrix product beats libsvm's own loops."""
        return Z if self.rows_ is None else np.exp(-squared_distances(Z, self.rows_))

    def _new_svc(self) -> SVC:
        return SVC(
            C=self.C, kernel="rbf" if self.rows_ is None else "precomputed", gamma=1.0, cache_size=1000
        )

    def _gammas(self, Z: np.ndarray, y: np.ndarray, groups: np.ndarray | None, seed: int) -> dict[str, float]:
        if self.block_gammas == "learn":
            return learn_gammas(Z, self.scaler_.slices, y, groups, seed=seed)
        if self.block_gammas == "equal":
            return dict.fromkeys(self.blocks_, 1 / len(self.blocks_))
        if isinstance(self.block_gammas, Mapping) and set(self.block_gammas) == set(self.blocks_):
            return {name: float(self.block_gammas[name]) for name in self.blocks_}
        raise ValueError(
            f"block_gammas must be 'learn', 'equal' or a width for each of {', '.join(self.blocks_)}; "
            f"got {self.block_gammas!r}"
        )


def _scores(svc: SVC, Z: np.ndarray) -> np.ndarray:
    """(n, n_classes) one-against-rest scores, for two classes too."""
    scores = svc.decision_function(Z)
    return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
