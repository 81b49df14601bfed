"""Priors: how common the genres are taken to be among the covers that probabilities speak of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError, did_you_mean

Prior = Literal["natural", "balanced"] | dict[str, float]
PRIOR_NAMES: tuple[Literal["natural", "balanced"], ...] = ("natural", "balanced")


def prior_shares(prior: Prior, genres: Iterable[Any]) -> dict[Any, float]:
    """Genre -> its share under a prior; they sum to 1.

    Args:
        prior: "natural": as they are among the training covers; "balanced": all alike; or genre -> share,
            in any unit.
        genres: of the training covers, one for each cover.

    Raises:
        UserError: a given prior does not name every genre.
    """
    counts = Counter(genres)
    if prior == "balanced":
        return dict.fromkeys(counts, 1 / len(counts))
    shares: Mapping[Any, float] = counts
    if isinstance(prior, dict):
        if absent := sorted(str(genre) for genre in counts if genre not in prior):
            raise UserError(
                f"`prior` does not say how common {', '.join(absent)} should be. Name each genre."
            )
        shares = {genre: prior[genre] for genre in counts}
    total = sum(shares.values())
    return {genre: share / total for genre, share in shares.items()}


def check_prior(prior: Prior, genres: Iterable[str]) -> None:
    """Raises UserError where a given prior names other genres than the collection's."""
    known = sorted(set(genres))
    prior_shares(prior, known)
    for genre in prior if isinstance(prior, dict) else ():
        if genre not in known:
            raise UserError(f"`prior` names '{genre}', a genre without covers.{did_you_mean(genre, known)}")


def prior_weight(prior: Prior, genre: pd.Series) -> pd.Series:
    """How much each held-out cover counts, so that its genre is as common as the prior has it.

    Args:
        prior: that probabilities answer to.
        genre: by cover_id.
    """
    if prior == "natural":
        return pd.Series(1.0, genre.index)
    return genre.map(prior_shares(prior, genre)) / genre.map(genre.value_counts(normalize=True))


def shifted(proba: np.ndarray, learnt: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Probabilities as they would be if the classes were as common as wished.

    p x wanted / learnt, made to sum to 1: Bayes' rule, where covers of a genre look alike however common it
    is. M. Saerens, P. Latinne and C. Decaestecker, Adjusting the Outputs of a Classifier to New a Priori
    Probabilities, Neural Computation 14, 2002.

    Args:
        proba: (n, k) under the prior that was learnt.
        learnt: (k,) shares of the classes; a class of share 0 keeps its probability.
        wanted: (k,) shares of the classes.
    """
    factors = np.divide(wanted, learnt, out=np.ones(len(learnt)), where=learnt > 0)
    moved = proba * factors
    return np.asarray(moved / moved.sum(axis=1, keepdims=True))
