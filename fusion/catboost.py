"""CatBoost on the columns of narrow blocks and the components of wide ones."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np

from coverfusion.data.errors import UserError
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.blocks import BlockScaler
from coverfusion.fusion.grouped_folds import holdout
from coverfusion.fusion.registry import register


@register("catboost")
class FusionCatBoost(BlockClassifier):
    """Gradient boosting, stopped early on an inner part that shares no group with the rest.

    Wide blocks are projected on their own first, so that an embedding's 1,280 columns neither drown twenty
    readable ones nor cost a minute.

    Args:
        iterations: the most trees.
        learning_rate: shrinkage of each tree.
        depth: of the trees.
        l2_leaf_reg: penalty on leaf values.
        rsm: share of columns tried at a split.
        border_count: histogram bins of a column.
        patience: trees without a better inner log loss before boosting stops.
        pca: components kept of wider blocks; None: no PCA.
        class_weight: as in scikit-learn.
        random_state: seed of boosting and of the held-out part.
    """

    own_files = ("model_",)

    def __init__(
        self,
        *,
        iterations: int = 1000,
        learning_rate: float = 0.05,
        depth: int = 4,
        l2_leaf_reg: float = 5.0,
        rsm: float = 0.3,
        border_count: int = 64,
        patience: int = 60,
        pca: int | None = 48,
        class_weight: str | dict[str, float] | None = "balanced",
        random_state: int | None = 0,
    ) -> None:
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.depth = depth
        self.l2_leaf_reg = l2_leaf_reg
        self.rsm = rsm
        self.border_count = border_count
        self.patience = patience
        self.pca = pca
        self.class_weight = class_weight
        self.random_state = random_state

    def _fit(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None) -> None:
        from catboost import CatBoostClassifier, Pool

        seed = self._seed()
        self.scaler_ = BlockScaler(self.pca)
        Z = self.scaler_.fit_transform(X, self.blocks_)
        self.model_ = CatBoostClassifier(
            loss_function="MultiClass",
            iterations=self.iterations,
            learning_rate=self.learning_rate,
            depth=self.depth,
            l2_leaf_reg=self.l2_leaf_reg,
            rsm=self.rsm,
            border_count=self.border_count,
            random_seed=seed % 2**31,
            thread_count=joblib.cpu_count(),  # CatBoost's own count ignores a process's share of the cores
            classes_count=len(self.classes_),
            allow_const_label=True,
            allow_writing_files=False,
            verbose=False,
        )
        split = holdout(y, groups, seed=seed)
        if split is None:
            self.model_.fit(Pool(Z, y, weight=weight))
            return
        learn, stop = split
        self.model_.fit(
            Pool(Z[learn], y[learn], weight=weight[learn]),
            eval_set=Pool(Z[stop], y[stop], weight=weight[stop]),
            early_stopping_rounds=self.patience,
        )

    def _probabilities(self, X: np.ndarray) -> np.ndarray:
        return self.model_.predict_proba(self.scaler_.transform(X))

    def _save_parts(self, folder: Path) -> None:
        self.model_.save_model(str(folder / "model.cbm"))

    def _load_parts(self, folder: Path) -> None:
        from catboost import CatBoostClassifier, CatBoostError

        self.model_ = CatBoostClassifier()
        try:
            self.model_.load_model(str(folder / "model.cbm"))
        except CatBoostError as error:
            raise UserError(f"{folder / 'model.cbm'} is missing or broken: {error}") from error
