"""Text as a few numbers: what a classifier of the words alone says, of covers that it has not seen."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from coverfusion.fusion.grouped_folds import inner_folds
from coverfusion.fusion.log_probabilities import log_probabilities
from coverfusion.fusion.texts import Texts, chosen_texts, learnt_vocabularies, text_rows

WORDS = 0.5  # rows of words beside those of letters; on real covers best of 0, 0.4, 0.5 and 1 by log loss


class TextScores:
    """Log probabilities of the genres by a logistic regression on TF-IDF of letters and words.

    Training covers get out-of-fold scores (D. H. Wolpert, Stacked Generalization, Neural Networks 5, 1992):
    scores by a regression that has seen a cover's own genre would look far better than those of new covers.

    Args:
        C: inverse strength of the regression's L2 penalty.
        max_iter: the most steps of its solver.

    Attributes after `fit`:
        vocabularies: text column -> what was learnt from it.
        regression: on all training covers; of covers of several genres a list, one a genre.
    """

    def __init__(self, C: float = 4.0, max_iter: int = 500) -> None:
        self.C = C
        self.max_iter = max_iter

    def fit(self, texts: Texts, y: np.ndarray, weight: np.ndarray) -> TextScores:
        """Learns from column -> n texts, (n,) class codes (or (n, k) of 0 and 1) and (n,) weights."""
        self.vocabularies = learnt_vocabularies(texts)
        rows = self._rows(texts)
        own = [self._regression().fit(rows, each, weight) for each in (y.T if y.ndim == 2 else [y])]
        self.regression = own if y.ndim == 2 else own[0]
        return self

    def _regression(self) -> LogisticRegression:
        return LogisticRegression(C=self.C, max_iter=self.max_iter)

    def fit_transform(
        self,
        texts: Texts,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        seed: int,
        folds: int = 5,
    ) -> np.ndarray:
        """`fit`, and (n, n_classes) out-of-fold scores of the same covers; NaN where none can be made."""
        scores = np.full((len(y), y.max() + 1) if y.ndim == 1 else y.shape, np.nan)
        for train, test in inner_folds(y, groups, folds, seed):
            learnt = TextScores(self.C, self.max_iter)
            learnt.fit(chosen_texts(texts, train), y[train], weight[train])
            scores[test] = learnt.transform(chosen_texts(texts, test))
        self.fit(texts, y, weight)
        return scores

    def predict_proba(self, texts: Texts) -> np.ndarray:
        """(n, n_classes) probabilities; of several genres each by itself."""
        rows = self._rows(texts)
        if isinstance(self.regression, list):
            return np.column_stack([one.predict_proba(rows)[:, 1] for one in self.regression])
        return self.regression.predict_proba(rows)

    def transform(self, texts: Texts) -> np.ndarray:
        """(n, n_classes) log probabilities."""
        return log_probabilities(self.predict_proba(texts))

    def check(self) -> None:
        """Raises UserError where a loaded vocabulary is not whole."""
        for vocabulary in self.vocabularies.values():
            vocabulary.check()

    def _rows(self, texts: Texts) -> csr_matrix:
        rows = [
            WORDS * row if self.vocabularies[name].kind == "words" else row
            for name, row in text_rows(self.vocabularies, texts).items()
        ]
        nothing = csr_matrix((rows[0].shape[0], 1), dtype=np.float32)  # a regression needs a column
        return hstack([nothing, *rows], format="csr")
