"""Which model becomes the bundle, and on which held-out covers that is decided.

Held-out covers that chose a model among many flatter it: thresholds learnt from them promise too much. With
50 equally good models "at most 30 % wrong", promised with 90 % confidence, was broken in half of the
simulated choices. So one half chooses, and the other calibrates the chosen model and sets its thresholds:
the promise is then broken in 7 %, as without a choice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.chosen_metric import Metric, cover_losses
from coverfusion.experiments.pipeline.cached_fits import Model, all_blocks
from coverfusion.experiments.pipeline.leaderboard import genres_of


def choosing_covers(genre: pd.Series, group: pd.Series, seed: int) -> pd.Series:
    """Which held-out covers choose the model: about half of each genre, whole groups.

    The hash of the seed and a group's least cover id decides, so that other covers have little say.

    Args:
        genre: cover_id -> genre, of the held-out covers.
        group: cover_id -> group, of all covers.
        seed: another one gives other halves.

    Returns:
        cover_id -> bool, as `genre` is indexed. All are False where no two groups share a genre.
    """
    least = pd.Series(group.index, index=group.to_numpy()).groupby(level=0).min()
    first = pd.DataFrame({"group": group[genre.index], "genre": genre}).drop_duplicates("group")
    first["key"] = [_hash(seed, least[name]) for name in first["group"]]
    chooses: set[object] = set()
    for name, own in first.sort_values("key").groupby("genre"):
        # of an odd number of groups one half has one more, by the genre's own draw
        begin = int(_hash(seed, str(name)), 16) % 2 if len(own) > 1 else 1
        chooses |= set(own["group"].iloc[begin::2])
    return group[genre.index].isin(chooses)


def best_model(
    predictions: Mapping[Model, pd.DataFrame],
    blocks: Sequence[str],
    metric: Metric,
    weight: pd.Series,
) -> Model:
    """The model on all blocks that is best by a metric; a lower log loss breaks ties.

    Args:
        predictions: model -> frame by cover_id with `genre` and `p_<genre>`.
        blocks: of the feature table; a classifier of pictures sees them instead, or beside.
        metric: which.
        weight: cover_id -> how much it counts, of the covers that choose.
    """

    def worth(model: Model) -> tuple[float, float]:
        frame = predictions[model].loc[weight.index]
        genres = genres_of(frame)
        proba = frame[[f"p_{genre}" for genre in genres]].to_numpy()
        truth = pd.Index(genres).get_indexer(pd.Index(frame["genre"]))
        losses = cover_losses(truth, proba)
        sums = metric.sums(truth, proba.argmax(axis=1), losses, len(genres))
        value = metric.better(metric.value(weight.to_numpy()[None] @ sums))
        return float(value[0]), -float(np.average(losses[:, 0], weights=weight))

    return max((m for m in predictions if m.blocks == all_blocks(m.classifier, blocks)), key=worth)


def _hash(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
