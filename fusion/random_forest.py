"""A random forest: a cheap reference."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.blocks import BlockScaler
from coverfusion.fusion.registry import register
from coverfusion.fusion.state_files import check_tree


@register("random_forest")
class FusionForest(BlockClassifier):
    """scikit-learn's random forest on the columns of narrow blocks and the components of wide ones.

    Args:
        n_estimators: number of trees.
        min_samples_leaf: fewest covers in a leaf.
        max_features: columns tried at a split, as in scikit-learn.
        pca: components kept of wider blocks, so that an embedding does not crowd out readable columns.
        class_weight: as in scikit-learn.
        random_state: seed of bootstraps and columns.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 300,
        min_samples_leaf: int = 3,
        max_features: str | float = "sqrt",
        pca: int | None = 32,
        class_weight: str | dict[str, float] | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.pca = pca
        self.class_weight = class_weight
        self.random_state = random_state

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None) -> None:
        self.scaler_ = BlockScaler(self.pca)
        self.forest_ = RandomForestClassifier(
            self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            n_jobs=-1,
            random_state=self._seed(),
        ).fit(self.scaler_.fit_transform(X, self.blocks_), y, weight)
        self.forest_.n_jobs = 1  # threads add the trees' votes in any order, so the last digits would vary

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        return self.forest_.predict_proba(self.scaler_.transform(X))

    def _check_loaded(self) -> None:
        for tree in self.forest_.estimators_:
            check_tree(tree.tree_)
