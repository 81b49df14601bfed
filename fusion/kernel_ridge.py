"""Kernel ridge regression on one-hot genres: what the block widths are learnt with, as a classifier."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.block_kernel import BlockKernel, kernel_chunks, sample_rows
from coverfusion.fusion.block_weights import leave_one_out, solve
from coverfusion.fusion.registry import register
from coverfusion.fusion.texts import Texts, chosen_texts
from coverfusion.fusion.uncertainty.calibration import inverse_temperature


@register("kernel_ridge")
class FusionKernelRidge(BlockClassifier):
    """Least-squares kernel classifier on blocks and text (a least-squares SVM without bias).

    What each block and text column counts is learnt from the closed-form leave-one-out error
    (`fusion.block_weights`), and the temperature of the probabilities from the leave-one-out scores of all
    training covers, so that nothing is fitted twice. Copies of a cover would vouch for each other there:
    one cover of each group gives a score.

    R. Rifkin and A. Klautau, In Defense of One-Vs-All Classification, JMLR 5, 2004, has the comparison with
    support vector machines.

    Args:
        weights: "learn", or "equal": a product of equal RBF widths, and text that counts as much.
        ridge: added to the kernel's diagonal, in units of the ridge that was learnt with the weights.
        pca: components kept of wider blocks; None: no PCA.
        class_weight: as in scikit-learn.
        largest_n: of more training covers than this, a random sample that keeps the classes' shares is
            learnt from (the kernel matrix takes 8 n^2 bytes, solving it n^3 steps).
        random_state: seed of the samples.

    Attributes after `fit`:
        kernel_: the `BlockKernel`; `kernel_.weights_` has what was learnt.
    """

    reads_text = True

    def __init__(
        self,
        *,
        weights: str = "learn",
        ridge: float = 1.0,
        pca: int | None = 256,
        class_weight: str | dict[str, float] | None = "balanced",
        largest_n: int = 10_000,
        random_state: int | None = 0,
    ) -> None:
        self.weights = weights
        self.ridge = ridge
        self.pca = pca
        self.class_weight = class_weight
        self.largest_n = largest_n
        self.random_state = random_state

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        seed = self._seed()
        rows = sample_rows(y, self.largest_n, seed)
        X, y, weight, groups = X[rows], y[rows], weight[rows], None if groups is None else groups[rows]
        text_rows = self._learnt_text(chosen_texts(texts, rows))
        self.kernel_ = BlockKernel(self.weights, self.pca)
        K = self.kernel_.fit(X, self.blocks_, text_rows, y, groups, seed).astype(np.float64)
        one_hot = np.eye(len(self.classes_))[y]
        self.priors_ = np.average(one_hot, axis=0, weights=weight)
        # a row of weight w has the ridge divided by w, as if it stood there w times
        diagonal = self.ridge / weight
        self.coefficients_ = solve(K, one_hot - self.priors_, diagonal)
        alone = np.arange(len(y)) if groups is None else np.unique(groups, return_index=True)[1]
        scores = leave_one_out(K[np.ix_(alone, alone)], (one_hot - self.priors_)[alone], diagonal[alone])
        self.inverse_temperature_ = inverse_temperature(scores + self.priors_, y[alone], weight[alone])

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        chunks = kernel_chunks(self.kernel_, X, self._text_rows(texts or {}))
        scores = np.concatenate([chunk @ self.coefficients_ for chunk in chunks])
        return softmax(self.inverse_temperature_ * (scores + self.priors_), axis=1)
