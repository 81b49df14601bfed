"""What each predicted cover adds to the sums of a chosen metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.chosen_metric import Metric, cover_losses
from coverfusion.experiments.pipeline.predicted_genres import predicted_of


def predicted_sums(predictions: pd.DataFrame, metric: Metric, genres: Sequence[str] = ()) -> np.ndarray:
    """(n, s) sums of n predicted covers, as `Metric.value` takes them.

    Args:
        predictions: `genre` and `p_<genre>`, one row a cover.
        metric: which.
        genres: of all covers, where some may have no column here; else those that have one.
    """
    found = predicted_of(predictions, genres)
    losses = cover_losses(found.truth, found.proba)
    return metric.sums(found.truth, found.named, losses, len(found.genres))


def fold_values(metric: Metric, sums: np.ndarray, folds: pd.Series) -> np.ndarray:
    """(J,) the metric of each fold, from (n, s) sums and the (n,) numbers of their folds."""
    return metric.value(pd.DataFrame(sums).groupby(folds.to_numpy()).sum().to_numpy())
