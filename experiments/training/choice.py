"""Which model becomes the bundle, and on which held-out covers that is decided.

Held-out covers that chose a model among many flatter it: thresholds learnt from them promise too much. With
50 equally good models "at most 30 % wrong", promised with 90 % confidence, was broken in half of the
simulated choices. So one half chooses, and the other calibrates the chosen model and sets its thresholds:
the promise is then broken in 7 %, as without a choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from coverfusion.data.identity_order import cut_places, least_covers
from coverfusion.experiments.evaluation.chosen_metric import Metric, cover_losses
from coverfusion.experiments.pipeline.cached_fits import Model, all_blocks
from coverfusion.experiments.pipeline.predicted_genres import predicted_of

CALIBRATING = 1  # of the two halves of held-out covers


def choosing_covers(genre: pd.Series | pd.DataFrame, group: pd.Series, seed: int) -> pd.Series:
    """Which held-out covers choose the model: about half of each genre, whole groups.

    The places of `data.identity_order` are cut in the middle, so that other covers have little say.

    Args:
        genre: cover_id -> genre, of the held-out covers; of several genres as `data.genre_sets.labels_of`.
        group: cover_id -> group, of all covers.
        seed: another one gives other halves.

    Returns:
        cover_id -> bool, as `genre` is indexed. A genre of one group chooses nothing: it calibrates.
    """
    identity = pd.Series(least_covers(group.index, group), index=group.index)[genre.index]
    half = cut_places(genre, identity, [0.5, 0.5], {CALIBRATING}, seed, "choice")
    return pd.Series(half != CALIBRATING, index=genre.index)


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
        found = predicted_of(frame)
        losses = cover_losses(found.truth, found.proba)
        sums = metric.sums(found.truth, found.named, losses, len(found.genres))
        value = metric.better(metric.value(weight.to_numpy()[None] @ sums))
        return float(value[0]), -float(np.average(losses[:, 0], weights=weight))

    return max((m for m in predictions if m.blocks == all_blocks(m.classifier, blocks)), key=worth)
