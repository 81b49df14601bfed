"""What predicted covers have and what they are called: the arrays that every score is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from coverfusion.data.genre_sets import SEPARATOR, apart, indicator

SAYS = "says_"  # + genre: whether a cover is called so, where it may have several genres


@dataclass(frozen=True)
class Predicted:
    """Predictions of n covers and k genres.

    Attributes:
        genres: k names.
        truth: (n,) codes; of covers that may have several genres (n, k) bool.
        named: (n,) codes of the predicted genre, or (n, k) bool.
        proba: (n, k) probabilities.
    """

    genres: list[str]
    truth: np.ndarray
    named: np.ndarray
    proba: np.ndarray


def genres_of(predictions: pd.DataFrame) -> list[str]:
    """The genres that a predictions frame has `p_` columns for, in their order."""
    return [column[2:] for column in predictions.columns if column.startswith("p_")]


def several(predictions: pd.DataFrame) -> bool:
    """Whether these are predictions of covers that may have several genres."""
    return any(str(column).startswith(SAYS) for column in predictions.columns)


def truth_of(labels: Sequence[str] | pd.Series, genres: Sequence[str], sets: bool) -> np.ndarray:
    """(n,) codes of n genres; of joined genres (n, k) bool, none of an empty text."""
    if sets:
        return indicator(map(apart, labels), genres)
    return pd.Index(genres).get_indexer(pd.Index(labels))


def has_genre(codes: np.ndarray, k: int) -> np.ndarray:
    """(n, k) float, 1 where a cover has a genre, of (n,) codes or (n, k) bool."""
    return codes.astype(float) if codes.ndim == 2 else np.eye(k)[codes]


def predicted_of(predictions: pd.DataFrame, genres: Sequence[str] = ()) -> Predicted:
    """The arrays of a predictions frame.

    Args:
        predictions: `genre`, `p_<genre>` and, of covers of several genres, `says_<genre>`.
        genres: of all covers, where some may have no column here; else those that have one. Without a
            column the probability is 0, and no cover is called so.
    """
    own = genres_of(predictions)
    names = list(genres or own)
    proba = predictions.reindex(columns=[f"p_{name}" for name in names], fill_value=0.0).to_numpy()
    sets = several(predictions)
    truth = truth_of(predictions["genre"], names, sets)
    if sets:
        says = predictions.reindex(columns=[f"{SAYS}{name}" for name in names], fill_value=False)
        return Predicted(names, truth, says.to_numpy(bool), proba)
    codes = np.array([names.index(name) for name in own])
    return Predicted(names, truth, codes[proba[:, codes].argmax(axis=1)], proba)


def named_genres(predictions: pd.DataFrame) -> np.ndarray:
    """(n,) the predicted genre of each row of a predictions frame, or its genres, joined."""
    if several(predictions):
        found = predicted_of(predictions)
        return genres_in_words(found.named, found.genres)
    genres = genres_of(predictions)
    proba = predictions[[f"p_{genre}" for genre in genres]].to_numpy()
    return genres_in_words(proba.argmax(axis=1), genres)


def genres_in_words(codes: np.ndarray, genres: Sequence[str]) -> np.ndarray:
    """(n,) the genres of (n,) codes, or of (n, k) bool, joined."""
    names = np.array(genres, dtype=object)
    if codes.ndim == 1:
        return names[codes]
    return np.array([SEPARATOR.join(names[own]) for own in codes], dtype=object)
