"""Features of photos that are no covers, to learn what sets covers apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.data.photos import library_photos
from coverfusion.features.registry import Extractor
from coverfusion.features.sides import table_of
from coverfusion.fusion.uncertainty.novelty import MIN_GROUPS, NETWORKS, Novelty, learn_novelty


def learn_looks(X: pd.DataFrame, groups: np.ndarray, extractors: Sequence[Extractor]) -> Novelty | None:
    """What the training covers look like, beside the photos that libraries bring.

    Args:
        X: (n, d) features of the training covers, columns `block.column`.
        groups: (n,) covers with the same value belong together.
        extractors: that made the features.

    Returns:
        As `learn_novelty`.
    """
    networks = [extractor for extractor in extractors if extractor.name in NETWORKS]
    if not networks or len(np.unique(groups)) < MIN_GROUPS:
        return learn_novelty(X, groups)
    return learn_novelty(X, groups, table_of(library_photos(), networks)[0].frame())
