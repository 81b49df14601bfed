"""Above which probability a cover of several genres is called a genre: learnt on covers that do not test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.data.identity_order import cut_places, least_covers
from coverfusion.data.plurals import how_many
from coverfusion.experiments.pipeline.predicted_genres import SAYS, genres_of, truth_of
from coverfusion.fusion.uncertainty.genre_thresholds import best_thresholds, called

NEAREST = "reaches_none"  # no threshold: such a cover is called the genre that comes nearest


def nearest_words(predictions: pd.DataFrame, item: str) -> str:
    """What is called a genre whose threshold it does not reach, and how many are; a sentence.

    Args:
        predictions: from `with_named`; those of an older version do not tell how many.
        item: what one cover is called.
    """
    one = "An album" if item == "album" else f"A {item}"
    rule = f"{one} that reaches none is called the genre that comes nearest"
    if NEAREST not in predictions:
        return f"{rule}."
    return f"{rule}: {int(predictions[NEAREST].sum()):,} of {how_many(len(predictions), item)}."


def with_named(
    frames: Sequence[pd.DataFrame], groups: pd.Series, seed: int, held_out: str | None = None
) -> list[pd.DataFrame]:
    """The predictions of each fold, with `NEAREST` and `says_<genre>`: whether a cover is called the genre.

    The thresholds of a fold are those with the best F1 of each genre on the predictions of all other folds.
    Covers of an 8:1:1 split are called by the thresholds of validation; validation covers by those of the
    other half of them.

    Args:
        frames: of one model, one a fold: `split`, `genre` and `p_<genre>`, by cover_id.
        groups: cover_id -> group.
        seed: of the halves.
        held_out: the split whose covers thresholds are learnt on, where frames have several; None: all.
    """
    frames = [frame.fillna({f"p_{genre}": 0.0 for genre in genres_of(frame)}) for frame in frames]

    def teaches(frame: pd.DataFrame) -> pd.DataFrame:
        return frame if held_out is None else frame[frame["split"] == held_out]

    if len(frames) > 1:
        return [
            _called(frame, pd.concat([teaches(other) for other in frames if other is not frame]))
            for frame in frames
        ]
    frame = frames[0]
    names = list(frame["split"].unique())
    learns = frame["split"] == ("validation" if "validation" in names else names[0])
    own = frame[learns]
    truth = pd.DataFrame(_truth(own), index=own.index, columns=genres_of(own))
    identity = pd.Series(least_covers(groups.index, groups), index=groups.index)[own.index]
    half = cut_places(truth, identity, [0.5, 0.5], {0, 1}, seed, "thresholds")
    parts = [_called(own[half == side], own[half != side]) for side in (0, 1)]
    return [pd.concat([*parts, _called(frame[~learns], own)]).loc[frame.index]]


def _called(frame: pd.DataFrame, learnt_from: pd.DataFrame) -> pd.DataFrame:
    genres = genres_of(frame)
    proba = [f"p_{genre}" for genre in genres]
    thresholds = best_thresholds(_truth(learnt_from), learnt_from[proba].to_numpy())
    given = frame[proba].to_numpy()
    says = pd.DataFrame(called(given, thresholds), frame.index, [f"{SAYS}{genre}" for genre in genres])
    says[NEAREST] = np.asarray((given < thresholds).all(axis=1))
    return pd.concat([frame, says], axis=1)


def _truth(frame: pd.DataFrame) -> np.ndarray:
    return truth_of(frame["genre"], genres_of(frame), sets=True)
