"""What can be said of a cover that nobody has seen: the baseline of every result.

The genre is the most frequent one of the collection. The most frequent one of a training fold would be a trap
where genres are equally large: it is the one that the tested fold has least of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.seeds import draws
from coverfusion.experiments.evaluation.chosen_metric import METRICS, SET_METRICS, metric_value
from coverfusion.experiments.pipeline.cached_fits import Part
from coverfusion.experiments.pipeline.predicted_genres import Predicted
from coverfusion.fusion.prior import Prior, prior_shares

Guess = tuple[np.ndarray, np.ndarray]  # (n,) codes of genres, (n, k) probabilities


def largest_genre(genres: Iterable[Any]) -> str:
    """The most frequent genre, of equally frequent ones the first by name.

    Args:
        genres: one for each cover, or genre -> covers.
    """
    counts = Counter(genres)
    return str(min(counts, key=lambda genre: (-counts[genre], str(genre))))


def guess(
    genre: pd.Series,
    train: Sequence[str] | pd.Index,
    test: Sequence[str] | pd.Index,
    genres: Sequence[str],
    prior: Prior = "natural",
    repeat: int = 0,
) -> Guess:
    """The prior's largest genre for every cover, and the prior's proportions as probabilities.

    Under a prior of the user's equally large genres are dealt out within each true genre, so that scores are
    those of guessing. One genre for all might happen to be the most frequent: noise would then seem to harm.

    Args:
        genre: by cover_id, of all covers.
        train: ids of the covers that are learnt from; their proportions are the natural prior.
        test: n ids of the covers that are guessed.
        genres: k names; codes are positions in this list.
        prior: that probabilities answer to.
        repeat: of the folds; another one deals otherwise.
    """
    known = prior_shares(prior, genre[pd.Index(train)])
    shares = np.array([known.get(name, 0.0) for name in genres])
    names = list(genres)
    if prior == "natural":
        codes = np.full(len(test), names.index(largest_genre(genre)))
    else:
        truth = pd.Index(names).get_indexer(pd.Index(genre[pd.Index(test)]))
        most = np.flatnonzero(shares == shares.max())
        starts = (draws(names, repeat, "first hand", min(test)) * len(most)).astype(int)
        codes = most[_dealt(truth, draws(test, repeat, "nothing known"), starts, len(most))]
    return codes, np.tile(shares, (len(test), 1))


def guessed(
    genre: pd.Series | pd.DataFrame,
    train: Sequence[str] | pd.Index,
    test: Sequence[str] | pd.Index,
    genres: Sequence[str],
    prior: Prior = "natural",
    repeat: int = 0,
) -> Predicted:
    """What `guess` predicts, with the truth.

    A cover that may have several genres is called every one: no other guess has a better F1 of each. The
    probabilities are the proportions of the training covers that have them.

    Args:
        genre: by cover_id, of all covers, as `data.genre_sets.labels_of` has it.
        train: ids of the covers that are learnt from.
        test: n ids of the covers that are guessed.
        genres: k names.
        prior: that probabilities answer to; of several genres the natural one.
        repeat: of the folds.
    """
    if isinstance(genre, pd.DataFrame):
        has = genre.reindex(columns=list(genres), fill_value=False)
        shares = has.loc[pd.Index(train)].to_numpy().mean(axis=0)
        own = has.loc[pd.Index(test)].to_numpy(bool)
        return Predicted(list(genres), own, np.ones_like(own), np.tile(shares, (len(test), 1)))
    codes, proba = guess(genre, train, test, genres, prior, repeat)
    truth = pd.Index(genres).get_indexer(pd.Index(genre[pd.Index(test)]))
    return Predicted(list(genres), truth, codes, proba)


def baselines(
    parts: Sequence[Part],
    genre: pd.Series | pd.DataFrame,
    genres: Sequence[str],
    prior: Prior = "natural",
) -> dict[str, dict[str, float]]:
    """Split -> metric -> its value where nothing is known of a cover, over the covers of all parts together.

    Args:
        parts: that are learnt from and predicted.
        genre: by cover_id, of all covers, as `data.genre_sets.labels_of` has it.
        genres: k names.
        prior: that genres are guessed by.
    """
    found: dict[str, list[Predicted]] = {}
    for part in parts:
        for split, ids in part.predicted.items():
            found.setdefault(split, []).append(guessed(genre, part.train, ids, genres, prior))
    metrics = SET_METRICS if isinstance(genre, pd.DataFrame) else METRICS
    values: dict[str, dict[str, float]] = {}
    for split, guesses in found.items():
        truth = np.concatenate([own.truth for own in guesses])
        named = np.concatenate([own.named for own in guesses])
        proba = np.concatenate([own.proba for own in guesses])
        values[split] = {name: metric_value(metric, truth, named, proba) for name, metric in metrics.items()}
    return values


def _dealt(truth: np.ndarray, order: np.ndarray, starts: np.ndarray, hands: int) -> np.ndarray:
    """(n,) 0 to hands - 1, as evenly as can be within each of (n,) codes, in the order of (n,) draws.

    What is left over goes to the hands from (k,) `starts` on: each code's own hand would be right too often.
    """
    rows = np.lexsort((order, truth))
    place = pd.Series(truth[rows]).groupby(truth[rows]).cumcount().to_numpy()
    dealt = np.empty(len(rows), int)
    dealt[rows] = (starts[truth[rows]] + place) % hands
    return dealt
