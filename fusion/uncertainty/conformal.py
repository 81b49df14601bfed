"""Sets of genres that hold the true one with a guaranteed probability (split conformal prediction).

V. Vovk, A. Gammerman and G. Shafer, Algorithmic Learning in a Random World, 2005. The guarantee is over all
covers together, not for each genre, and for covers that come from where the held-out ones came from.
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


def prediction_sets(proba: np.ndarray, limit: float, method: str = DEFAULT) -> np.ndarray:
    """(n, k) bool: the classes of each row's set; the most probable class is always in it."""
    inside = nonconformity(proba, method) <= limit
    inside[np.arange(len(proba)), proba.argmax(axis=1)] = True
    return inside
