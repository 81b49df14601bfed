"""Kernel ridge regression on one-hot genres: on all blocks, on each alone and on the text, pooled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.block_kernel import BlockKernel, TextRows, check_weights, sample_rows
from coverfusion.fusion.block_weights import KernelWeights, leave_one_out, solve
from coverfusion.fusion.log_linear_pool import LogLinearPool
from coverfusion.fusion.registry import register
from coverfusion.fusion.texts import Texts, chosen_texts
from coverfusion.fusion.uncertainty.calibration import inverse_temperature

TOGETHER = "(all)"  # the part that is all blocks and text; no block is called so


@dataclass(frozen=True)
class KernelPart:
    """One kernel's regression: its weights, (n, k) coefficients, and the factor from scores to log odds."""

    weights: KernelWeights
    coefficients: np.ndarray
    inverse_temperature: float


@register("kernel_ridge")
class FusionKernelRidge(BlockClassifier):
    """Least-squares kernel classifiers on all blocks together, on each alone and on the text, pooled.

    Early and late fusion in one: the kernel over all blocks and text knows how they act together, each
    block's own what that block knows. Their log probabilities are pooled with learnt weights
    (`LogLinearPool`). What each block and text column counts in a kernel is learnt from the closed-form
    leave-one-out error (`fusion.block_weights`); temperatures and pool are learnt from leave-one-out
    scores, one cover of each group (copies would vouch for each other), so that nothing is fitted twice.
    Sample weights count in the regressions and the pool, not in the search for the kernels' weights.

    R. Rifkin and A. Klautau, In Defense of One-Vs-All Classification, JMLR 5, 2004, has the comparison with
    support vector machines.

    Args:
        weights: "learn", or "equal": a product of equal RBF widths, and text that counts as much.
        pool: False: one kernel for all, in which each block's own is a summand.
        ridge: added to the kernels' diagonals, in units of the ridge that was learnt with the weights.
        pca: components kept of wider blocks; None: no PCA.
        class_weight: as in scikit-learn.
        largest_n: of more training covers than this, a random sample that keeps the classes' shares is
            learnt from (fitting takes about 50 n^2 bytes, and n^3 steps for each part).
        random_state: seed of the samples.

    Attributes after `fit`:
        kernel_: the `BlockKernel`; `kernel_.weights_` has what was learnt of all blocks together.
        parts_: "(all)", then each block, then "(text)" -> `KernelPart`.
        pool_: the `LogLinearPool` of the parts, in their order; of several genres `pools_`, one a genre.
    """

    reads_text = True
    many = True

    def __init__(
        self,
        *,
        weights: str = "learn",
        pool: bool = True,
        ridge: float = 1.0,
        pca: int | None = 256,
        class_weight: str | dict[str, float] | None = None,
        largest_n: int = 10_000,
        random_state: int | None = 0,
    ) -> None:
        self.weights = weights
        self.pool = pool
        self.ridge = ridge
        self.pca = pca
        self.class_weight = class_weight
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
        # a pool knows by itself what a block says alone
        self.kernel_ = BlockKernel(self.weights, self.pca, sums=not self.pool)
        K = self.kernel_.fit(X, self.blocks_, text_rows, y, groups, seed)
        one_hot = y if y.ndim == 2 else np.eye(len(self.classes_))[y]
        self.priors_ = np.average(one_hot, axis=0, weights=weight)
        targets = one_hot - self.priors_
        # a row of weight w has the ridge divided by w, as if it stood there w times
        diagonal = self.ridge / weight
        alone = np.arange(len(y)) if groups is None else np.unique(groups, return_index=True)[1]
        self.parts_: dict[str, KernelPart] = {}
        logs = []
        for name, weights in self._kernels(y, groups, seed):
            if self.parts_:
                K = self.kernel_.between(self.kernel_.rows, text_rows, weights)
            K = K.astype(np.float64)
            left_out = leave_one_out(K[np.ix_(alone, alone)], targets[alone], diagonal[alone]) + self.priors_
            factor = self._factor(left_out, y[alone], weight[alone])
            self.parts_[name] = KernelPart(weights, solve(K, targets, diagonal), factor)
            logs.append(log_softmax(factor * self._odds(left_out), axis=-1))
        self._fit_pool(np.stack(logs), y[alone], weight[alone])

    def _odds(self, scores: np.ndarray) -> np.ndarray:
        """(n, k) scores as they are; of several genres (n, k, 2): not to have the genre, and to have it."""
        return np.stack([1 - scores, scores], axis=-1) if hasattr(self, "several_") else scores

    def _factor(self, scores: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
        """The inverse temperature of (n, k) scores; of several genres one for all of them."""
        if y.ndim == 1:
            return inverse_temperature(scores, y, weight)
        odds = self._odds(scores).reshape(-1, 2)
        return inverse_temperature(odds, y.astype(int).ravel(), np.repeat(weight, y.shape[1]))

    def _fit_pool(self, logs: np.ndarray, y: np.ndarray, weight: np.ndarray) -> None:
        if y.ndim == 1:
            self.pool_ = LogLinearPool().fit(logs, y, weight)
            return
        self.pools_ = [
            LogLinearPool().fit(logs[:, :, genre], y[:, genre].astype(int), weight)
            for genre in range(y.shape[1])
        ]

    def _pooled(self, logs: np.ndarray) -> np.ndarray:
        if not hasattr(self, "several_"):
            return self.pool_(logs)
        return np.column_stack([pool(logs[:, :, genre])[:, 1] for genre, pool in enumerate(self.pools_)])

    def _kernels(
        self, y: np.ndarray, groups: np.ndarray | None, seed: int
    ) -> Iterator[tuple[str, KernelWeights]]:
        """Name and weights of the kernel over all blocks and text, then of each alone."""
        yield TOGETHER, self.kernel_.weights_
        if self.pool and len(self.kernel_.parts) > 1:
            for part in self.kernel_.parts:
                yield part, self.kernel_.alone(part, y, groups, seed)

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        return np.concatenate(
            [
                self._pooled(np.stack([self._logs(part, *chunk) for part in self.parts_.values()]))
                for chunk in self.kernel_.chunks(X, self._text_rows(texts or {}))
            ]
        )

    def _check_loaded(self) -> None:
        self.kernel_.check({column: len(known.idf) for column, known in self.vocabularies_.items()})

    def _logs(self, part: KernelPart, Z: np.ndarray, texts: TextRows) -> np.ndarray:
        """(m, n_classes) log probabilities of prepared rows by one kernel; of several genres (m, k, 2)."""
        scores = self.kernel_.between(Z, texts, part.weights) @ part.coefficients
        return np.asarray(log_softmax(part.inverse_temperature * self._odds(scores + self.priors_), axis=-1))
