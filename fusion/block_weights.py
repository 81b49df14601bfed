"""How much each block counts: learnt inside the training fold from closed-form leave-one-out errors.

An RBF kernel on weighted blocks is the product of one RBF kernel a block, so trying other weights needs the
squared distances inside each block only once. The error of a try is that of kernel ridge regression on
one-hot genres, each cover predicted by all others, which has a closed form. Covers of one group never vouch
for each other: one cover of each group takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.linalg import cho_factor, cho_solve, get_lapack_funcs

STEPS = (4.0, 2.0)  # factors tried on each coordinate, coarse to fine
SMALLEST, LARGEST = 1e-4, 1e3  # of a width and of the ridge
FLOOR = 2.0**-7  # a block whose factor falls below this share of the largest counts nothing more


def leave_one_out(kernel: np.ndarray, targets: np.ndarray, ridge: float | np.ndarray) -> np.ndarray:
    """(n, k) predictions of kernel ridge regression for each row by all other rows.

    With G = (K + ridge I)^-1 the prediction is t - (G t) / diag(G): G. C. Cawley and N. L. C. Talbot,
    Preventing Over-Fitting during Model Selection via Bayesian Regularisation of the Hyper-Parameters,
    JMLR 8, 2007; also C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning,
    2006, equation 5.12.

    Args:
        kernel: (n, n) symmetric, positive semi-definite.
        targets: (n, k).
        ridge: added to the diagonal, one number or (n,).
    """
    damped = np.array(kernel, order="F")
    damped[np.diag_indices_from(damped)] += ridge
    factor, solved, invert = get_lapack_funcs(("potrf", "potrs", "potri"), (damped,))
    lower, failed = factor(damped, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError("the kernel with its ridge is not positive definite")
    coefficients = solved(lower, targets, lower=1)[0]
    diagonal = np.diag(invert(lower, lower=1, overwrite_c=1)[0])  # a third of the work of a full solve
    return targets - coefficients / diagonal[:, None]


def solve(kernel: np.ndarray, targets: np.ndarray, ridge: float | np.ndarray) -> np.ndarray:
    """(n, k) coefficients a of kernel ridge regression: (K + diag(ridge)) a = targets."""
    damped = kernel.copy()
    damped[np.diag_indices_from(damped)] += ridge
    return cho_solve(cho_factor(damped, overwrite_a=True), targets)


def squared_distances(Z: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, m) squared Euclidean distances between the rows of (n, d) Z and (m, d) others."""
    norms, other_norms = np.einsum("ij,ij->i", Z, Z), np.einsum("ij,ij->i", others, others)
    return np.maximum(norms[:, None] + other_norms[None, :] - 2 * (Z @ others.T), 0)


def learn_widths(
    Z: np.ndarray,
    slices: Mapping[str, slice],
    y: np.ndarray,
    groups: np.ndarray | None = None,
    largest_n: int = 1000,
    seed: int = 0,
) -> tuple[dict[str, float], float]:
    """RBF widths, one a block, and the ridge with which exp(-sum of width * squared distance) does best.

    Coordinate search on the mean squared leave-one-out error, over the widths and the ridge.

    Args:
        Z: (n, d) float32 prepared rows (`BlockScaler`: mean squared distance 2 in every block).
        slices: block -> its columns in Z.
        y: (n,) class codes.
        groups: (n,) covers that must not vouch for each other.
        largest_n: search on a random sample of at most this many rows.
        seed: of the sample.

    Returns:
        Block -> width (0 where the block does not help), and the ridge.
    """
    rows = _sample(y, groups, largest_n, seed)
    parts = [Z[rows, columns] for columns in slices.values()]
    distances = [squared_distances(part, part) for part in parts]
    targets = np.eye(y.max() + 1, dtype=np.float32)[y[rows]]
    targets -= targets.mean(axis=0)

    def error(point: np.ndarray) -> float:
        exponent = sum(gamma * distance for gamma, distance in zip(point[:-1], distances, strict=True))
        predicted = leave_one_out(np.exp(-exponent), targets, ridge=float(point[-1]))
        return float(((predicted - targets) ** 2).mean())

    gammas = [0.5 / len(distances)] * len(distances)
    point = coordinate_search(error, np.array([*gammas, 1.0], dtype=np.float32))
    found = np.where(point[:-1] < FLOOR * point[:-1].max(), 0, point[:-1])
    return dict(zip(slices, map(float, found), strict=True)), float(point[-1])


def coordinate_search(error: Callable[[np.ndarray], float], start: np.ndarray) -> np.ndarray:
    """The positive point where no coordinate, multiplied or divided by a step, gives a smaller error.

    Args:
        error: to be made small.
        start: where the search begins; every value above 0.
    """
    point, best = start, error(start)
    for step in STEPS:
        improved = True
        while improved:
            improved = False
            for coordinate in range(len(point)):
                for factor in (step, 1 / step):
                    while True:
                        tried = point.copy()
                        tried[coordinate] *= factor
                        if not SMALLEST < tried[coordinate] < LARGEST or (found := error(tried)) >= best:
                            break
                        point, best, improved = tried, found, True
    return point


def _sample(y: np.ndarray, groups: np.ndarray | None, largest_n: int, seed: int) -> np.ndarray:
    """Rows for the search: one a group, shuffled, at most `largest_n`."""
    shuffled = np.random.default_rng(seed).permutation(len(y))
    if groups is not None:
        firsts = np.unique(groups[shuffled], return_index=True)[1]
        shuffled = shuffled[np.sort(firsts)]
    return shuffled[:largest_n]
