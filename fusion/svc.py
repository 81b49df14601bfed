"""A support vector machine whose kernel weighs blocks and text."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax
from sklearn.svm import SVC

from coverfusion.data.errors import UserError
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.block_kernel import BlockKernel, check_weights, sample_rows
from coverfusion.fusion.grouped_folds import inner_folds
from coverfusion.fusion.registry import register
from coverfusion.fusion.texts import Texts, chosen_texts
from coverfusion.fusion.uncertainty.calibration import inverse_temperature


@register("svc")
class FusionSVC(BlockClassifier):
    """Support vector classifier on blocks and text, with calibrated probabilities.

    What each block and text column counts in the kernel is learnt from the closed-form leave-one-out error
    of kernel ridge regression (`fusion.block_weights`). There is one machine a class, against the rest, both
    sides of equal weight: their scores carry far better probabilities than the pairwise votes of a
    multi-class SVC. Probabilities are a softmax of the scores, with one temperature found on out-of-fold
    scores of inner folds that keep groups together, and of the classes' weighted shares.

    Args:
        C: the cost of a mistake, in units of 1 / the ridge that was learnt with the weights.
        weights: "learn", or "equal": a product of equal RBF widths, and text that counts as much.
        pca: components kept of wider blocks; None: no PCA.
        class_weight: as in scikit-learn.
        inner_splits: inner folds for the temperature.
        largest_n: of more training covers than this, a random sample that keeps the classes' shares is
            learnt from (the kernel matrix takes 8 n^2 bytes).
        random_state: seed of the samples and of the inner folds.

    Attributes after `fit`:
        kernel_: the `BlockKernel`; `kernel_.weights_` has what was learnt.
    """

    reads_text = True

    def __init__(
        self,
        *,
        C: float = 1.0,
        weights: str = "learn",
        pca: int | None = 256,
        class_weight: str | dict[str, float] | None = None,
        inner_splits: int = 5,
        largest_n: int = 10_000,
        random_state: int | None = 0,
    ) -> None:
        self.C = C
        self.weights = weights
        self.pca = pca
        self.class_weight = class_weight
        self.inner_splits = inner_splits
        self.largest_n = largest_n
        self.random_state = random_state

    def check_parameters(self) -> None:
        """As `BlockClassifier`, and how blocks are weighed."""
        check_weights(self.weights)
        super().check_parameters()

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        seed = self._seed()
        rows = sample_rows(y, self.largest_n, seed, groups)
        X, y, weight, groups = X[rows], y[rows], weight[rows], None if groups is None else groups[rows]
        text_rows = self._learnt_text(chosen_texts(texts, rows))
        self.kernel_ = BlockKernel(self.weights, self.pca)
        K = self.kernel_.fit(X, self.blocks_, text_rows, y, groups, seed)
        scores = np.full((len(y), len(self.classes_)), np.nan)
        for train, test in inner_folds(y, groups, self.inner_splits, seed):
            svcs = self._one_against_rest(K[np.ix_(train, train)], y[train], weight[train])
            scores[test] = _scores(svcs, K[np.ix_(test, train)])
        self.log_priors_ = np.log(np.bincount(y, weight) / weight.sum())
        self.inverse_temperature_ = 1.0
        out = ~np.isnan(scores[:, 0])
        if out.any():
            self.inverse_temperature_ = inverse_temperature(
                scores[out], y[out], weight[out], self.log_priors_
            )
        self.svcs_ = self._one_against_rest(K, y, weight)

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        chunks = self.kernel_.chunks(X, self._text_rows(texts or {}))
        scores = np.concatenate([_scores(self.svcs_, self.kernel_.between(*chunk)) for chunk in chunks])
        return softmax(self.inverse_temperature_ * scores + self.log_priors_, axis=1)

    def _check_loaded(self) -> None:
        self.kernel_.check({column: len(known.idf) for column, known in self.vocabularies_.items()})
        n = len(self.kernel_.rows)
        for svc in self.svcs_:
            support = svc.support_
            if support.ndim != 1 or ((support < 0) | (support >= n)).any():
                raise UserError("The saved classifier's support vectors are broken. Train it again.")

    def _one_against_rest(self, K: np.ndarray, y: np.ndarray, weight: np.ndarray) -> list[SVC]:
        svcs = []
        for code in range(len(self.classes_)):
            mine = y == code
            share = weight[mine].sum() / weight.sum()
            balanced = weight * np.where(mine, 0.5 / share, 0.5 / (1 - share))
            svc = SVC(C=self.C, kernel="precomputed", cache_size=1000)
            svcs.append(svc.fit(K, mine, balanced))
        return svcs


def _scores(svcs: list[SVC], K: np.ndarray) -> np.ndarray:
    """(n, n_classes) distances to each class's own boundary."""
    return np.column_stack([svc.decision_function(K) for svc in svcs])
