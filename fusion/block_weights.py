"""How much each block counts: learnt inside the training fold from closed-form leave-one-out errors.

The kernel is a sum: the product of one RBF kernel a block (how the blocks act together), where asked for
each block's own RBF kernel (what a strong block knows by itself), and a linear kernel for each column of
text. Its error is that of kernel ridge regression on one-hot genres, each cover predicted by all others,
which has a closed form with a closed gradient. Covers of one group never vouch for each other: one cover of
each takes part.

Learning a sum of kernels: F. R. Bach, G. R. G. Lanckriet and M. I. Jordan, Multiple Kernel Learning, Conic
Duality, and the SMO Algorithm, ICML 2004; by the leave-one-out error: G. C. Cawley and N. L. C. Talbot,
Preventing Over-Fitting during Model Selection via Bayesian Regularisation of the Hyper-Parameters, JMLR 8,
2007.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import cho_factor, cho_solve, get_lapack_funcs
from scipy.optimize import OptimizeResult, minimize
from scipy.sparse import csr_matrix

from coverfusion.data.identity_order import one_of_each

SMALLEST, LARGEST = 1e-4, 1e3  # of a weight and of a width in the product
OWN_WIDTHS = 0.05, 1.5  # of a block's own kernel: wider it is constant, narrower it is one more ridge
PENALTY = 1e-5  # on squared logarithms of value / start: among equals the search stays where it began
FLOOR = 2.0**-7  # what falls below this proportion of the largest of its kind counts nothing more
MAX_STEPS = 40  # of a search from each start; it ends earlier where nothing is gained
# of the better one: stopped short, it ends elsewhere on another CPU, by up to half of GRID
TO_THE_END: dict[str, float] = {"ftol": 1e-13, "gtol": 1e-9, "maxiter": 200}
GRID = 0.05  # of the logarithms found: what rounding does to a search, which differs by CPU, is lost
ROWS_IN_FLOAT64 = 1024  # at a time, in squared distances: memory stays bounded
START_SCALES = 1.0, 8.0  # widths of the product where the searches begin; the better end counts


@dataclass(frozen=True)
class KernelWeights:
    """The parts of the kernel, in units of the ridge (which is 1 beside them).

    Attributes:
        product: weight of the product of RBF kernels.
        widths: block -> its width in the product.
        sums: block -> weight of its own RBF kernel.
        sum_widths: block -> width of its own kernel.
        texts: text column -> weight of its linear kernel.
    """

    product: float
    widths: dict[str, float]
    sums: dict[str, float] = field(default_factory=dict)
    sum_widths: dict[str, float] = field(default_factory=dict)
    texts: dict[str, float] = field(default_factory=dict)


def equal_weights(blocks: list[str], texts: list[str]) -> KernelWeights:
    """Nothing is learnt: a product of equal widths, and text that counts as much as it."""
    widths = dict.fromkeys(blocks, 1 / max(len(blocks), 1))
    return KernelWeights(1.0 if blocks else 0.0, widths, texts=dict.fromkeys(texts, 1.0))


def combined(
    weights: KernelWeights,
    distances: Iterable[tuple[str, np.ndarray]],
    texts: Iterable[tuple[str, np.ndarray]],
) -> np.ndarray:
    """(n, m) kernel from each block's (n, m) squared distances and each text column's (n, m) products.

    Args:
        weights: of every block and column that is given.
        distances: block and matrix; each is asked for once and let go, so that few are in memory.
        texts: text column and matrix, likewise.
    """
    exponent: np.ndarray | float = 0.0
    parts: np.ndarray | float = 0.0
    for block, distance in distances:
        if block in weights.sums:
            parts = parts + weights.sums[block] * np.exp(-weights.sum_widths[block] * distance)
        exponent = exponent + weights.widths.get(block, 0.0) * distance
    for column, product in texts:
        parts = parts + weights.texts[column] * product
    return np.asarray(parts + weights.product * np.exp(-exponent))


def leave_one_out(kernel: np.ndarray, targets: np.ndarray, ridge: float | np.ndarray) -> np.ndarray:
    """(n, k) predictions of kernel ridge regression for each row by all other rows.

    With G = (K + ridge I)^-1 the prediction is t - (G t) / diag(G): C. E. Rasmussen and C. K. I. Williams,
    Gaussian Processes for Machine Learning, 2006, equation 5.12.

    Args:
        kernel: (n, n) symmetric, positive semi-definite.
        targets: (n, k).
        ridge: added to the diagonal, one number or (n,).
    """
    inverse = _inverse(kernel, ridge)
    return targets - (inverse @ targets) / np.diag(inverse)[:, None]


def solve(kernel: np.ndarray, targets: np.ndarray, ridge: float | np.ndarray) -> np.ndarray:
    """(n, k) coefficients a of kernel ridge regression: (K + diag(ridge)) a = targets."""
    damped = kernel.copy()
    damped[np.diag_indices_from(damped)] += ridge
    return cho_solve(cho_factor(damped, overwrite_a=True), targets)


def squared_distances(Z: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, m) squared Euclidean distances between the rows of (n, d) Z and (m, d) others, in the type of Z.

    They are summed in float64: in float32 a row's distances hang on how many rows stand beside it. Rows that
    come again, as the blocks that an explanation leaves alone do, are computed once.
    """
    first, again = distinct_rows(Z)
    if len(first) < len(Z):
        return squared_distances(Z[first], others)[again]
    wide = others.astype(np.float64)
    norms = np.einsum("ij,ij->i", wide, wide)
    found = np.empty((len(Z), len(others)), Z.dtype)
    for start in range(0, len(Z), ROWS_IN_FLOAT64):
        rows = Z[start : start + ROWS_IN_FLOAT64].astype(np.float64)
        squares = np.einsum("ij,ij->i", rows, rows)[:, None] + norms - 2 * (rows @ wide.T)
        found[start : start + len(rows)] = np.maximum(squares, 0)
    return found


def distinct_rows(Z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (k,) of the rows of (n, d) Z that differ, and for each row its place among them."""
    if not Z.shape[1]:
        return np.arange(min(len(Z), 1)), np.zeros(len(Z), np.intp)
    rows = np.ascontiguousarray(Z)
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))[:, 0]
    _, first, again = np.unique(as_bytes, return_index=True, return_inverse=True)
    return first, again


def learn_weights(
    Z: np.ndarray,
    slices: Mapping[str, slice],
    texts: Mapping[str, csr_matrix],
    y: np.ndarray,
    groups: np.ndarray | None = None,
    sums: bool = True,
    largest_n: int = 1000,
    seed: int = 0,
) -> KernelWeights:
    """The weights and widths of the kernel that does best on covers left out.

    L-BFGS on the logarithms of all of them, for the mean squared leave-one-out error.

    Args:
        Z: (n, d) float32 prepared rows (`BlockScaler`: mean squared distance 2 in every block).
        slices: block -> its columns in Z.
        texts: text column -> (n, terms) rows of length 1 or 0.
        y: (n,) class codes, or (n, k) targets.
        groups: (n,) covers that must not vouch for each other.
        sums: whether each block has a kernel of its own beside the product.
        largest_n: search on a random sample of at most this many rows.
        seed: of the sample.
    """
    rows = _sample(y, groups, largest_n, seed)
    search = _Search(
        [squared_distances(Z[rows, s], Z[rows, s]).astype(np.float64) for s in slices.values()],
        [(t[rows] @ t[rows].T).toarray().astype(np.float64) for t in texts.values()],
        _centred(y[rows]),
        with_sums=sums and (len(slices) > 1 or bool(slices and texts)),
    )
    found = search.best()
    blocks, columns = list(slices), list(texts)
    n = len(blocks)
    product, widths, rest = found[0] if n else 0.0, found[1 : 1 + n], found[1 + n :]
    own, own_widths = (rest[:n], rest[n : 2 * n]) if search.with_sums else (rest[:0], rest[:0])
    weights = rest[2 * n :] if search.with_sums else rest
    kept = [k for k in range(len(own)) if own[k] >= FLOOR * max(product, *own)]
    return KernelWeights(
        float(product),
        dict(zip(blocks, map(float, _floored(widths)), strict=True)),
        {blocks[k]: float(own[k]) for k in kept},
        {blocks[k]: float(own_widths[k]) for k in kept},
        dict(zip(columns, map(float, weights), strict=True)),
    )


def learn_widths(
    Z: np.ndarray,
    slices: Mapping[str, slice],
    y: np.ndarray,
    groups: np.ndarray | None = None,
    largest_n: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """Block -> RBF width with which the product of kernels alone does best; 0 where a block does not help.

    Arguments as of `learn_weights`.
    """
    return learn_weights(Z, slices, {}, y, groups, False, largest_n, seed).widths


class _Search:
    """The error and its gradient at log(product, widths, [sums, their widths], texts).

    Args:
        distances: (n, n) squared distances, one a block.
        texts: (n, n) inner products, one a text column.
        targets: (n, k), centred.
        with_sums: whether each block has a kernel of its own beside the product.
    """

    def __init__(
        self,
        distances: list[np.ndarray],
        texts: list[np.ndarray],
        targets: np.ndarray,
        with_sums: bool,
    ) -> None:
        self.distances, self.texts, self.targets, self.with_sums = distances, texts, targets, with_sums

    def best(self) -> np.ndarray:
        """The values, not their logarithms, of least error."""
        found = {scale: self._descend(scale, maxiter=MAX_STEPS) for scale in START_SCALES}
        scale = min(found, key=lambda scale: found[scale].fun)
        best = self._descend(scale, found[scale].x, **TO_THE_END).x
        return np.exp(np.round(best / GRID) * GRID)

    def _descend(self, scale: float, begin: np.ndarray | None = None, **options: float) -> OptimizeResult:
        blocks = len(self.distances)
        start = [0.5, *[0.5 * scale / max(blocks, 1)] * blocks]
        start += [0.2] * blocks + [0.5] * blocks if self.with_sums else []
        start += [0.5] * len(self.texts)
        limits = np.full((len(start), 2), np.log([SMALLEST, LARGEST]))
        if self.with_sums:
            limits[1 + 2 * blocks : 1 + 3 * blocks] = np.log(OWN_WIDTHS)

        def penalised(point: np.ndarray) -> tuple[float, np.ndarray]:
            error, slope = self.error(point)
            away = point - np.log(start)
            return error + PENALTY * float(away @ away), slope + 2 * PENALTY * away

        return minimize(
            penalised,
            np.log(start) if begin is None else begin,
            jac=True,
            method="L-BFGS-B",
            bounds=limits,
            options=options,
        )

    def error(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean squared leave-one-out error, and its gradient.

        With A = (K + I)^-1 and residuals r = A t / diag(A) as of `leave_one_out`, a change dK of the kernel
        changes A by -A dK A, and the error by the inner product of dK with `slope`.
        """
        values = np.exp(point)
        product, own, kernel = self._kernels(values)
        try:
            A = _inverse(kernel, 1.0)
        except np.linalg.LinAlgError:  # a step too far
            return np.inf, np.zeros_like(point)
        solved, diagonal = A @ self.targets, np.diag(A)[:, None]
        residuals = solved / diagonal
        outer = (A @ (residuals / diagonal)) @ solved.T
        q = (residuals * solved / diagonal**2).sum(axis=1)
        slope = ((A * q) @ A - (outer + outer.T) / 2) * (2 / residuals.size)
        return float((residuals**2).mean()), self._gradient(values, slope, product, own)

    def _kernels(self, values: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
        """The weighed product, each block's own weighed kernel, and the whole kernel."""
        n = len(self.distances)
        exponent = np.zeros((len(self.targets),) * 2)
        for width, distance in zip(values[1 : 1 + n], self.distances, strict=True):
            exponent -= width * distance
        product = (values[0] if n else 0.0) * np.exp(exponent, out=exponent)
        own = []
        if self.with_sums:
            sums, widths = np.split(values[1 + n : 1 + 3 * n], 2)
            own = [w * np.exp(-h * d) for w, h, d in zip(sums, widths, self.distances, strict=True)]
        kernel = product.copy()
        for part in own:
            kernel += part
        for weight, text in zip(values[len(values) - len(self.texts) :], self.texts, strict=True):
            kernel += weight * text
        return product, own, kernel

    def _gradient(
        self, values: np.ndarray, slope: np.ndarray, product: np.ndarray, own: list[np.ndarray]
    ) -> np.ndarray:
        """Of the error by the logarithm of each value, from its slope by the kernel's entries."""
        n = len(self.distances)
        of_product = slope * product
        found = [of_product.sum()]
        found += [-w * np.vdot(of_product, d) for w, d in zip(values[1:], self.distances, strict=False)]
        of_own = [slope * kernel for kernel in own]
        found += [part.sum() for part in of_own]
        widths = values[1 + 2 * n :]
        found += [-h * np.vdot(p, d) for h, p, d in zip(widths, of_own, self.distances, strict=False)]
        weights = values[len(values) - len(self.texts) :]
        found += [w * np.vdot(slope, text) for w, text in zip(weights, self.texts, strict=True)]
        return np.array(found)


def _inverse(kernel: np.ndarray, ridge: float | np.ndarray) -> np.ndarray:
    """(K + ridge I)^-1, by Cholesky's factors."""
    damped = np.array(kernel, order="F")
    damped[np.diag_indices_from(damped)] += ridge
    factor, invert = get_lapack_funcs(("potrf", "potri"), (damped,))
    lower, failed = factor(damped, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError("the kernel with its ridge is not positive definite")
    inverse = np.tril(invert(lower, lower=1, overwrite_c=1)[0])
    return inverse + np.tril(inverse, -1).T


def _floored(widths: np.ndarray) -> np.ndarray:
    return np.where(widths < FLOOR * widths.max(initial=0.0), 0, widths)


def _centred(y: np.ndarray) -> np.ndarray:
    """(n, k) one-hot class codes, or targets, less their means."""
    targets = y if y.ndim == 2 else np.eye(y.max() + 1)[y]
    return targets - targets.mean(axis=0)


def _sample(y: np.ndarray, groups: np.ndarray | None, largest_n: int, seed: int) -> np.ndarray:
    """Rows for the search: one a group, in random order, at most `largest_n`."""
    known_by = np.arange(len(y)) if groups is None else groups
    return one_of_each(known_by, seed, "sample")[:largest_n]
