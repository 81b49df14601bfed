"""Doubtful labels as tables: one row a cover, and one a genre."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.confident_learning import (
    confident_classes,
    doubtful_labels,
    label_margins,
)
from coverfusion.experiments.pipeline.predicted_genres import genres_in_words, genres_of, several, truth_of

DOUBT_COLUMNS = [
    "rank",
    "path",
    "genre",
    "suggested",
    "p_genre",
    "p_suggested",
    "predicted",
    "p_predicted",
    "margin",
    "group",
    "cover_id",
]
SUGGESTED_AS = "as_"  # before a genre: the column that counts the doubtful covers it is suggested for
MOST_NAMED = 3  # genres that are suggested, with their counts


def doubtful_table(predictions: pd.DataFrame, paths: pd.Series) -> pd.DataFrame:
    """The covers whose genre is doubtful, the most doubtful first.

    Args:
        predictions: by cover_id `genre`, `group` and `p_<genre>`, by models that had not seen the cover.
        paths: of the covers, in the same order.

    Returns:
        Columns `DOUBT_COLUMNS`: the label as `genre`, the genre that the model is confident of as
        `suggested`, the most probable one as `predicted`, their probabilities, and as `margin` the label's
        less that of the most probable other genre. Of covers of several genres `genre` and `suggested` are
        sets, and `doubted` stands in place of `predicted`: the genre that is doubted most, that the cover has
        it or that it lacks it. In place of the probabilities stands `p_doubted`: that the cover has it.
    """
    if several(predictions):
        return _doubtful_sets(predictions, paths)
    genres, proba, y = _coded(predictions)
    suggested, margins = confident_classes(proba, y), label_margins(proba, y)
    names, predicted = np.array(genres, dtype=object), proba.argmax(axis=1)
    rows = np.flatnonzero(doubtful_labels(proba, y))
    rows = rows[np.lexsort((predictions.index.to_numpy()[rows], margins[rows]))]
    frame = pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            "path": paths.to_numpy()[rows],
            "genre": predictions["genre"].to_numpy()[rows],
            "suggested": names[suggested[rows]],
            "p_genre": proba[rows, y[rows]],
            "p_suggested": proba[rows, suggested[rows]],
            "predicted": names[predicted[rows]],
            "p_predicted": proba[rows, predicted[rows]],
            "margin": margins[rows],
            "group": predictions["group"].to_numpy()[rows],
            "cover_id": predictions.index.to_numpy()[rows],
        }
    )
    return frame[DOUBT_COLUMNS]


def doubt_by_genre(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row a genre: covers, doubtful ones, and for how many of these each genre is suggested.

    The columns: `genre`, `covers`, `doubtful`, and `as_<genre>` for each genre. Of covers of several genres
    `lacking` stands in their place: covers that may have the genre and do not bear it.
    """
    if several(predictions):
        return _doubt_by_genre_of_sets(predictions)
    genres, proba, y = _coded(predictions)
    doubtful, suggested = doubtful_labels(proba, y), confident_classes(proba, y)
    rows = []
    for code, genre in enumerate(genres):
        own = y == code
        instead = np.bincount(suggested[own & doubtful], minlength=len(genres))
        rows.append((genre, int(own.sum()), int(doubtful[own].sum()), *instead))
    columns = ["genre", "covers", "doubtful", *(f"{SUGGESTED_AS}{genre}" for genre in genres)]
    return pd.DataFrame(rows, columns=columns)


def suggested_words(row: Mapping[str, Any]) -> str:
    """What is suggested for a genre's doubtful covers, with counts: "Pop 13, Rock 11, Jazz 6, others 4".

    Args:
        row: of `doubt_by_genre`. The counts add to its doubtful covers; "" where there are none.
    """
    counts = {
        str(name).removeprefix(SUGGESTED_AS): n
        for name, n in row.items()
        if name.startswith(SUGGESTED_AS) and n
    }
    often = sorted(counts.items(), key=lambda each: -each[1])
    named, rest = often[:MOST_NAMED], often[MOST_NAMED:]
    if len(rest) == 1:
        named, rest = often, []
    parts = [f"{genre} {count:,}" for genre, count in named]
    return ", ".join([*parts, *([f"others {sum(count for _, count in rest):,}"] if rest else [])])


def _coded(predictions: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The genres, (n, k) probabilities and (n,) codes of the labels."""
    genres = genres_of(predictions)
    proba = predictions[[f"p_{genre}" for genre in genres]].to_numpy(np.float64)
    return genres, proba, pd.Index(genres).get_indexer(pd.Index(predictions["genre"]))


def _doubtful_sets(predictions: pd.DataFrame, paths: pd.Series) -> pd.DataFrame:
    """`doubtful_table` of covers of several genres: a row each cover with a doubtful genre."""
    genres, proba, has = _coded_sets(predictions)
    margins, doubtful = np.zeros(has.shape), np.zeros(has.shape, bool)
    for code in range(len(genres)):
        both = _both(proba[:, code])
        y = has[:, code].astype(int)
        margins[:, code], doubtful[:, code] = label_margins(both, y), doubtful_labels(both, y)
    worst = np.where(doubtful, margins, np.inf).argmin(axis=1)
    every = np.arange(len(has))
    least = margins[every, worst]
    rows = np.flatnonzero(doubtful.any(axis=1))
    rows = rows[np.lexsort((predictions.index.to_numpy()[rows], least[rows]))]
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            "path": paths.to_numpy()[rows],
            "genre": predictions["genre"].to_numpy()[rows],
            "suggested": genres_in_words(has ^ doubtful, genres)[rows],
            "doubted": np.array(genres, dtype=object)[worst[rows]],
            "p_doubted": proba[every, worst][rows],
            "margin": least[rows],
            "group": predictions["group"].to_numpy()[rows],
            "cover_id": predictions.index.to_numpy()[rows],
        }
    )


def _doubt_by_genre_of_sets(predictions: pd.DataFrame) -> pd.DataFrame:
    """`doubt_by_genre` of covers of several genres."""
    genres, proba, has = _coded_sets(predictions)
    rows = []
    for code, genre in enumerate(genres):
        both, y = _both(proba[:, code]), has[:, code].astype(int)
        doubtful, covers = doubtful_labels(both, y), int(y.sum())
        rows.append((genre, covers, int(doubtful[y == 1].sum()), int(doubtful[y == 0].sum())))
    return pd.DataFrame(rows, columns=["genre", "covers", "doubtful", "lacking"])


def _both(has: np.ndarray) -> np.ndarray:
    """(n, 2) probabilities to lack a genre and to have it."""
    return np.column_stack([1 - has, has])


def _coded_sets(predictions: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The genres, (n, k) probabilities and (n, k) bool labels."""
    genres = genres_of(predictions)
    proba = predictions[[f"p_{genre}" for genre in genres]].to_numpy(np.float64)
    return genres, proba, truth_of(predictions["genre"], genres, sets=True)
