"""How well covers with several genres are called beside those with one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.intervals import Interval, grouped_proportion
from coverfusion.experiments.evaluation.several_metrics import score_sets
from coverfusion.experiments.evaluation.statistics import widening
from coverfusion.experiments.pipeline.predicted_genres import predicted_of

SCORES = ("f1_macro", "f1_micro", "accuracy")
FIRST_RIGHT = "first_right"  # the most probable genre is one of the cover's own


@dataclass(frozen=True)
class CountedCovers:
    """Covers with one genre, or with several.

    Attributes:
        genres: "one" or "several".
        covers: how many.
        scores: each of `SCORES`, and `FIRST_RIGHT`.
    """

    genres: str
    covers: int
    scores: dict[str, Interval]


def by_genre_count(predictions: pd.DataFrame, seed: int, folds: int | None) -> list[CountedCovers]:
    """The scores of covers with one genre and of those with several; none where one kind is missing.

    Args:
        predictions: of one model and split: `genre`, `group`, `p_<genre>` and `says_<genre>`.
        seed: of the bootstrap.
        folds: how many the predictions are pooled from; None: one split.
    """
    found, groups = predicted_of(predictions), predictions["group"].to_numpy()
    count = found.truth.sum(axis=1)
    first = found.truth[np.arange(len(count)), found.proba.argmax(axis=1)]
    rows = []
    for name, own in (("one", count == 1), ("several", count > 1)):
        if not own.any():
            return []
        parts = found.truth[own], found.named[own], found.proba[own]
        scores = score_sets(*parts, found.genres, groups[own], seed, folds).overall
        made = {score: Interval(*map(float, scores.loc[score, ["value", "low", "high"]])) for score in SCORES}
        made[FIRST_RIGHT] = grouped_proportion(first[own], groups[own], widening(folds))
        rows.append(CountedCovers(name, int(own.sum()), made))
    return rows
