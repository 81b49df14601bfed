"""Sets of genres that hold the true one with a guaranteed probability (split conformal prediction).

V. Vovk, A. Gammerman and G. Shafer, Algorithmic Learning in a Random World, 2005. The guarantee is for covers
that come from where the held-out ones came from. With one limit it is over all covers together (marginal),
and covers of rare genres may be without it. With a limit for each genre (Mondrian, or class-conditional) it
is over the covers of each genre, and so over all covers too, in whatever proportions the genres come: V.
Vovk, Conditional Validity of Inductive Conformal Predictors, ACML 2012.
"""

from __future__ import annotations

import math

import numpy as np

METHODS = ("lac", "aps")
DEFAULT = "lac"  # the smallest sets on average


def nonconformity(proba: np.ndarray, method: str = DEFAULT) -> np.ndarray:
    """How badly each class fits each row.

    Args:
        proba: (n, k) probabilities.
        method: "lac": 1 - probability (M. Sadinle, J. Lei and L. Wasserman, Least Ambiguous Set-Valued
            Classifiers with Bounded Error Levels, JASA 2019). "aps": the summed probability of all
            classes that are more probable, and half of its own (Y. Romano, M. Sesia and E. Candès,
            Classification with Valid and Adaptive Coverage, NeurIPS 2020, whose random share of its own is
            here always a half: the guarantee stays, and a row always gets the same set).

    Returns:
        (n, k) scores.

    Raises:
        ValueError: no such method.
    """
    if method == "lac":
        return 1 - proba
    if method != "aps":
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    order = np.argsort(-proba, axis=1, kind="stable")
    ranked = np.take_along_axis(proba, order, axis=1)
    scores = np.empty_like(proba)
    np.put_along_axis(scores, order, np.cumsum(ranked, axis=1) - ranked / 2, axis=1)
    return scores


def set_limit(proba: np.ndarray, y: np.ndarray, coverage: float, method: str = DEFAULT) -> float:
    """The score up to which classes belong to a set: the ceil((n + 1) * coverage)-th smallest of n.

    Args:
        proba: (n, k) probabilities of independent rows that the model was not fitted on.
        y: (n,) class codes.
        coverage: the guaranteed share of sets that hold the true class, above 0 and below 1.
        method: as of `nonconformity`.

    Returns:
        inf (every class) where n is too small for the guarantee.
    """
    own = np.sort(nonconformity(proba, method)[np.arange(len(y)), y])
    rank = math.ceil((len(own) + 1) * coverage - 1e-9)
    return float(own[rank - 1]) if rank <= len(own) else np.inf


def set_limits_by_class(
    proba: np.ndarray, y: np.ndarray, coverage: float, method: str = DEFAULT
) -> np.ndarray:
    """(k,) as `set_limit` of the rows of each class: each class is in as many of its own rows' sets.

    A class with fewer than `rows_needed` rows has inf, so that it is in every set.
    """
    return np.array(
        [set_limit(proba[y == code], y[y == code], coverage, method) for code in range(proba.shape[1])]
    )


def rows_needed(coverage: float) -> int:
    """The fewest rows for which `set_limit` is finite: 9 for 0.9, 19 for 0.95."""
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def prediction_sets(proba: np.ndarray, limit: float | np.ndarray, method: str = DEFAULT) -> np.ndarray:
    """(n, k) bool: the classes of each row's set; the most probable class is always in it.

    Args:
        proba: (n, k) probabilities.
        limit: one from `set_limit`, or (k,) from `set_limits_by_class`.
        method: as of `nonconformity`.
    """
    inside = nonconformity(proba, method) <= limit
    inside[np.arange(len(proba)), proba.argmax(axis=1)] = True
    return inside
