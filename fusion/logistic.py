"""Multinomial logistic regression on blocks and text: a cheap reference."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.blocks import BlockScaler
from coverfusion.fusion.registry import register
from coverfusion.fusion.texts import Texts


@register("logistic")
class FusionLogistic(BlockClassifier):
    """scikit-learn's multinomial logistic regression (L2 penalty) on standardised blocks and TF-IDF of text.

    Args:
        C: inverse strength of the penalty.
        pca: components kept of wider blocks; None: no PCA.
        max_iter: the most steps of the solver.
        class_weight: as in scikit-learn.
        random_state: not used by the solver; kept for the common contract.
    """

    reads_text = True

    def __init__(
        self,
        *,
        C: float = 1.0,
        pca: int | None = 128,
        max_iter: int = 500,
        class_weight: str | dict[str, float] | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.C = C
        self.pca = pca
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.random_state = random_state

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        self.scaler_ = BlockScaler(self.pca)
        Z = self.scaler_.fit_transform(X, self.blocks_)
        rows = self._side_by_side(Z, self._learnt_text(texts or {}))
        self.regression_ = LogisticRegression(C=self.C, max_iter=self.max_iter).fit(rows, y, weight)
        self.n_iter_ = self.regression_.n_iter_

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        Z = self.scaler_.transform(X)
        return self.regression_.predict_proba(self._side_by_side(Z, self._text_rows(texts or {})))

    def _side_by_side(self, Z: np.ndarray, texts: dict[str, csr_matrix]) -> np.ndarray | csr_matrix:
        """(n, d + terms) rows; text doubled, so that a text of length 1 counts about as much as a block."""
        return hstack([csr_matrix(Z), *(2 * rows for rows in texts.values())], format="csr") if texts else Z
