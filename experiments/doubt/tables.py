"""Doubtful labels as tables: one row a cover, and one a genre."""

from __future__ import annotations

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.confident_learning import (
    confident_classes,
    doubtful_labels,
    label_margins,
)
from coverfusion.experiments.pipeline.predicted_genres import genres_of

DOUBT_COLUMNS = [
    "rank",
    "path",
    "genre",
    "suggested",
    "p_genre",
    "p_suggested",
    "margin",
    "group",
    "cover_id",
]


def doubtful_table(predictions: pd.DataFrame, paths: pd.Series) -> pd.DataFrame:
    """The covers whose genre is doubtful, the most doubtful first.

    Args:
        predictions: by cover_id `genre`, `group` and `p_<genre>`, by models that had not seen the cover.
        paths: of the covers, in the same order.

    Returns:
        Columns `DOUBT_COLUMNS`: the label as `genre`, the genre that the model is confident of as
        `suggested`, both probabilities, and as `margin` the label's less that of the most probable other
        genre.
    """
    genres, proba, y = _coded(predictions)
    suggested, margins = confident_classes(proba, y), label_margins(proba, y)
    rows = np.flatnonzero(doubtful_labels(proba, y))
    rows = rows[np.lexsort((predictions.index.to_numpy()[rows], margins[rows]))]
    frame = pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            "path": paths.to_numpy()[rows],
            "genre": predictions["genre"].to_numpy()[rows],
            "suggested": np.array(genres, dtype=object)[suggested[rows]],
            "p_genre": proba[rows, y[rows]],
            "p_suggested": proba[rows, suggested[rows]],
            "margin": margins[rows],
            "group": predictions["group"].to_numpy()[rows],
            "cover_id": predictions.index.to_numpy()[rows],
        }
    )
    return frame[DOUBT_COLUMNS]


def doubt_by_genre(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row a genre: covers, doubtful ones, and which other genre is predicted for most of its covers.

    The columns: `genre`, `covers`, `doubtful`, `mostly` (as in the confusion matrix; "" where none is).
    """
    genres, proba, y = _coded(predictions)
    doubtful, predicted = doubtful_labels(proba, y), proba.argmax(axis=1)
    rows = []
    for code, genre in enumerate(genres):
        covers = int((y == code).sum())
        taken = np.bincount(predicted[y == code], minlength=len(genres))
        taken[code] = 0
        mostly = genres[taken.argmax()] if taken.any() else ""
        rows.append((genre, covers, int(doubtful[y == code].sum()), mostly))
    return pd.DataFrame(rows, columns=["genre", "covers", "doubtful", "mostly"])


def _coded(predictions: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The genres, (n, k) probabilities and (n,) codes of the labels."""
    genres = genres_of(predictions)
    proba = predictions[[f"p_{genre}" for genre in genres]].to_numpy(np.float64)
    return genres, proba, pd.Index(genres).get_indexer(pd.Index(predictions["genre"]))
