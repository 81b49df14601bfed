"""CatBoost on the columns of narrow blocks, the components of wide ones, and scores of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from coverfusion.data.errors import UserError
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.blocks import BlockScaler
from coverfusion.fusion.grouped_folds import holdout
from coverfusion.fusion.registry import register
from coverfusion.fusion.text_scores import TextScores
from coverfusion.fusion.texts import Texts, texts_by_block


@dataclass(frozen=True)
class _EachTree:
    """What CatBoost calls after each tree."""

    watch: Callable[[int, int], None]
    most: int

    def after_iteration(self, info: Any) -> bool:
        """Whether to go on."""
        self.watch(int(info.iteration), self.most)
        return True


@register("catboost")
class FusionCatBoost(BlockClassifier):
    """Gradient boosting, stopped early on an inner part that shares no group with the rest.

    Wide blocks are projected on their own first, so that an embedding's 1,280 columns neither drown twenty
    readable ones nor cost a minute. The text of each block enters as out-of-fold scores of a classifier of
    its words alone (`fusion.text_scores`). On real covers that is worth 3 points of accuracy more than
    CatBoost's own counts of words and letters, in a tenth of the time; its naive Bayes and BM25 stop boosting
    at once.

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

    Attributes:
        watch: called after each tree with their number and the most there may be.
    """

    own_files = ("model_", "watch")
    reads_text = many = True
    watch: Callable[[int, int], None] | None = None

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
        class_weight: str | dict[str, float] | None = None,
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

    def prepared(self, X: np.ndarray, texts: Texts) -> np.ndarray:
        """(n, width) what the trees see of (n, d) checked rows and their text: columns, then scores."""
        Z = self.scaler_.transform(X)
        return np.hstack([Z, *(scores.transform(texts) for scores in self.scores_.values())])

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        from catboost import CatBoostClassifier, Pool

        seed = self._seed()
        self.scaler_ = BlockScaler(self.pca)
        Z = self.scaler_.fit_transform(X, self.blocks_)
        self.scores_: dict[str, TextScores] = {}
        for block, own in texts_by_block(texts or {}).items():
            self.scores_[block] = TextScores()
            Z = np.hstack([Z, self.scores_[block].fit_transform(own, y, weight, groups, seed)])
        self.model_ = CatBoostClassifier(
            loss_function="MultiClass" if y.ndim == 1 else "MultiLogloss",
            iterations=self.iterations,
            learning_rate=self.learning_rate,
            depth=self.depth,
            l2_leaf_reg=self.l2_leaf_reg,
            rsm=self.rsm,
            border_count=self.border_count,
            random_seed=seed % 2**31,
            thread_count=joblib.cpu_count(),  # CatBoost's own count ignores a process's share of the cores
            classes_count=len(self.classes_) if y.ndim == 1 else None,
            allow_const_label=True,
            allow_writing_files=False,
            verbose=False,
        )
        split = holdout(y, groups, seed=seed)
        callbacks = [_EachTree(self.watch, self.iterations)] if self.watch else None
        if split is None:
            self.model_.fit(Pool(Z, y, weight=weight), callbacks=callbacks)
            return
        learn, stop = split
        self.model_.fit(
            Pool(Z[learn], y[learn], weight=weight[learn]),
            eval_set=Pool(Z[stop], y[stop], weight=weight[stop]),
            early_stopping_rounds=self.patience,
            callbacks=callbacks,
        )

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        return self.model_.predict_proba(self.prepared(X, texts or {}))

    def _check_loaded(self) -> None:
        if isinstance(self.scores_, TextScores) or self.scores_ is None:  # as earlier versions saved them
            known = self.scores_
            self.scores_ = {} if known is None else {next(iter(known.vocabularies)).partition(".")[0]: known}
        for scores in self.scores_.values():
            scores.check()

    def _save_parts(self, folder: Path) -> None:
        self.model_.save_model(str(folder / "model.cbm"))

    def _load_parts(self, folder: Path) -> None:
        from catboost import CatBoostClassifier, CatBoostError

        self.model_ = CatBoostClassifier()
        try:
            self.model_.load_model(str(folder / "model.cbm"))
        except CatBoostError as error:
            raise UserError(f"{folder / 'model.cbm'} is missing or broken: {error}") from error
