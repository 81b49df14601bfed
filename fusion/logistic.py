"""Multinomial logistic regression: a cheap reference."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.blocks import BlockScaler
from coverfusion.fusion.registry import register


@register("logistic")
class FusionLogistic(BlockClassifier):
    """scikit-learn's multinomial logistic regression (L2 penalty) on standardised blocks of equal weight.

    Args:
        C: inverse strength of the penalty.
        pca: components kept of wider blocks; None: no PCA.
        max_iter: the most steps of the solver.
        class_weight: as in scikit-learn.
        random_state: not used by the solver; kept for the common contract.
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        pca: int | None = 128,
        max_iter: int = 500,
        class_weight: str | dict[str, float] | None = "balanced",
        random_state: int | None = 0,
    ) -> None:
        self.C = C
        self.pca = pca
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.random_state = random_state

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None) -> None:
        self.scaler_ = BlockScaler(self.pca)
        Z = self.scaler_.fit_transform(X, self.blocks_)
        self.regression_ = LogisticRegression(C=self.C, max_iter=self.max_iter).fit(Z, y, weight)
        self.n_iter_ = self.regression_.n_iter_

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        return self.regression_.predict_proba(self.scaler_.transform(X))
