"""CatBoost on the columns of narrow blocks, the components of wide ones, and text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.blocks import BlockScaler
from coverfusion.fusion.grouped_folds import holdout
from coverfusion.fusion.registry import register
from coverfusion.fusion.texts import Texts, chosen_texts

if TYPE_CHECKING:
    from catboost import Pool


@register("catboost")
class FusionCatBoost(BlockClassifier):
    """Gradient boosting, stopped early on an inner part that shares no group with the rest.

    Wide blocks are projected on their own first, so that an embedding's 1,280 columns neither drown twenty
    readable ones nor cost a minute. Text goes to CatBoost's own text features: whether each of the commonest
    words or letter sequences is there. (Its naive Bayes and BM25 stop at once: on real covers they tell the
    learning covers far better than those that boosting is stopped on.)

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
    reads_text = True

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

    def pool(self, X: np.ndarray, texts: Texts, **more: Any) -> Pool:
        """Rows as CatBoost takes them: the prepared columns, then one a text column.

        Args:
            X: (n, d) checked rows.
            texts: column -> n texts; what is not known counts as no text.
            more: labels and weights.
        """
        from catboost import Pool

        rows = pd.DataFrame(self.scaler_.transform(X))
        for name, known in texts.items():
            rows[name] = [(text or "").lower() for text in known]
        rows.columns = rows.columns.astype(str)
        return Pool(rows, text_features=list(texts) or None, **more)

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        from catboost import CatBoostClassifier

        seed, texts = self._seed(), texts or {}
        self.scaler_ = BlockScaler(self.pca).fit(X, self.blocks_)
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
            text_processing=_text_processing(list(texts)) if texts else None,
        )
        split = holdout(y, groups, seed=seed)
        learn, stop = split or (np.arange(len(y)), None)

        def part(rows: np.ndarray) -> Pool:
            return self.pool(X[rows], chosen_texts(texts, rows), label=y[rows], weight=weight[rows])

        if stop is None:
            self.model_.fit(part(learn))
        else:
            self.model_.fit(part(learn), eval_set=part(stop), early_stopping_rounds=self.patience)

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        return self.model_.predict_proba(self.pool(X, texts or {}))

    def _save_parts(self, folder: Path) -> None:
        self.model_.save_model(str(folder / "model.cbm"))

    def _load_parts(self, folder: Path) -> None:
        from catboost import CatBoostClassifier, CatBoostError

        self.model_ = CatBoostClassifier()
        try:
            self.model_.load_model(str(folder / "model.cbm"))
        except CatBoostError as error:
            raise UserError(f"{folder / 'model.cbm'} is missing or broken: {error}") from error


def _text_processing(columns: list[str]) -> dict[str, Any]:
    """What CatBoost makes of each text column: its words, or sequences of 3 and 4 letters."""

    def dictionary(level: str, length: int) -> dict[str, str]:
        return {
            "dictionary_id": f"{level}{length}",
            "token_level_type": level,
            "gram_order": str(length),
            "occurrence_lower_bound": "3",
            "max_dictionary_size": "50000",
        }

    of_kind = {"words": ["Word1"], "letters": ["Letter3", "Letter4"]}
    processing = {
        str(place): [
            {
                "tokenizers_names": ["Space"],
                "dictionaries_names": of_kind[column.rpartition("_")[2]],
                "feature_calcers": ["BoW:top_tokens_count=500"],
            }
        ]
        for place, column in enumerate(columns)
    }
    return {
        "tokenizers": [{"tokenizer_id": "Space", "separator_type": "BySense"}],
        "dictionaries": [dictionary("Word", 1), dictionary("Letter", 3), dictionary("Letter", 4)],
        "feature_processing": processing,
    }
