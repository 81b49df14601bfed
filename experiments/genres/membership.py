"""Which covers are of a genre, and which are called so, where a cover has one genre or several."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from coverfusion.data.genre_sets import apart, has_sets
from coverfusion.experiments.pipeline.predicted_genres import several


def names_in(frame: pd.DataFrame, column: str = "genre") -> list[list[str]]:
    """The genres in each row's cell.

    Args:
        frame: of covers or of predictions.
        column: "genre", or "predicted" of predictions.
    """
    if has_sets(frame) or several(frame):
        return [apart(text) for text in frame[column]]
    return [[name] for name in frame[column]]


def of_genre(frame: pd.DataFrame, genre: str, column: str = "genre") -> np.ndarray:
    """(n,) bool: whether a cell is this genre, or holds it; arguments as of `names_in`."""
    return np.array([genre in names for names in names_in(frame, column)], dtype=bool)


def one_a_group(covers: pd.DataFrame, inside: np.ndarray) -> tuple[list[str], list[str]]:
    """Cover ids of a genre and of all others, one of each group on each side: copies are no evidence.

    Args:
        covers: frame with `cover_id` and `group`.
        inside: (n covers,) bool, which are of the genre.
    """
    own, others = (covers[side].drop_duplicates("group")["cover_id"].tolist() for side in (inside, ~inside))
    return own, others


def stands_with(covers: pd.DataFrame, genre: str) -> Counter[str]:
    """Other genre -> how many covers of this one have it too."""
    own = covers[of_genre(covers, genre)]
    return Counter(name for names in names_in(own) for name in names if name != genre)
