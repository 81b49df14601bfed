"""Diversity re-ranking: neighbours that are near the query and not all alike."""

from __future__ import annotations

import numpy as np

CANDIDATES = 10  # times k are looked at


def marginal_relevance(relevance: np.ndarray, between: np.ndarray, k: int, diversity: float) -> np.ndarray:
    """Picks k of m candidates one after another by maximal marginal relevance.

    J. Carbonell and J. Goldstein, The Use of MMR, Diversity-Based Reranking for Reordering Documents and
    Producing Summaries, SIGIR 1998, with minus the distance as the similarity: the next pick has the smallest
    (1 - diversity) * distance to the query - diversity * distance to the nearest earlier pick.

    Args:
        relevance: (m,) distances to the query.
        between: (m, m) distances of the candidates to each other.
        k: how many to pick (all, where m is smaller).
        diversity: 0 orders by the distance to the query alone; at 1, after the nearest candidate, only how
            far the picks are from each other counts.

    Returns:
        (k,) positions of the picks, in the order of picking.

    Raises:
        ValueError: diversity is not within 0 and 1.
    """
    if not 0 <= diversity <= 1:
        raise ValueError(f"diversity must be from 0 to 1, not {diversity}")
    if not len(relevance):
        return np.empty(0, dtype=np.int64)
    picks = [int(np.argmin(relevance))]  # nothing is picked yet, so relevance alone decides
    apart = between[picks[0]].astype(np.float64)
    while len(picks) < min(k, len(relevance)):
        cost = (1 - diversity) * relevance - diversity * apart
        cost[picks] = np.inf
        picks.append(int(np.argmin(cost)))
        apart = np.minimum(apart, between[picks[-1]])
    return np.array(picks[:k], dtype=np.int64)
