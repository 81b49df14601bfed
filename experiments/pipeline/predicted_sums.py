"""What each predicted cover adds to the sums of a chosen metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.chosen_metric import Metric, cover_losses
from coverfusion.experiments.pipeline.leaderboard import genres_of


def predicted_sums(predictions: pd.DataFrame, metric: Metric, genres: Sequence[str] = ()) -> np.ndarray:
    """(n, s) sums of n predicted covers, as `Metric.value` takes them.

    Args:
        predictions: `genre` and `p_<genre>`, one row a cover.
        metric: which.
        genres: of all covers, where some may have no column here; else those that have one.
    """
    names = list(genres or genres_of(predictions))
    proba = predictions.reindex(columns=[f"p_{name}" for name in names], fill_value=0.0).to_numpy()
    truth = pd.Index(names).get_indexer(pd.Index(predictions["genre"]))
    return metric.sums(truth, proba.argmax(axis=1), cover_losses(truth, proba), len(names))


def fold_values(metric: Metric, sums: np.ndarray, folds: pd.Series) -> np.ndarray:
    """(J,) the metric of each fold, from (n, s) sums and the (n,) numbers of their folds."""
    return metric.value(pd.DataFrame(sums).groupby(folds.to_numpy()).sum().to_numpy())
