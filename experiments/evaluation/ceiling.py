"""What accuracy the covers under several genres leave at best, were they all kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def conflict_ceiling(conflicts: pd.DataFrame, entries: int) -> float:
    """The best accuracy of a model that says the same of equal pictures.

    Of all entries that show one picture such a model can get those of one genre right, at best the most
    frequent one. One picture is equal bytes, or near duplicates that agree when they are laid over each
    other.

    Args:
        conflicts: as `data.collection.Collection.conflicts`: cover_id, path, genre and partner of every entry
            whose picture stands under several genres.
        entries: one a cover and genre, those of `conflicts` among them.

    Returns:
        0 to 1; 1 without conflicts.

    Raises:
        ValueError: fewer entries than conflicts.
    """
    if entries < len(conflicts):
        raise ValueError(f"{entries} entries cannot hold {len(conflicts)} conflicts")
    if conflicts.empty:
        return 1.0
    by_genre = conflicts.groupby([pictures_of(conflicts), conflicts["genre"].to_numpy()]).size()
    best = int(by_genre.groupby(level=0).max().sum())
    return 1 - (len(conflicts) - best) / entries


def pictures_of(conflicts: pd.DataFrame) -> np.ndarray:
    """(n,) numbers, the same for entries that show one picture: tied by their bytes and by their partners."""
    n = len(conflicts)
    names = pd.concat([conflicts["path"], conflicts["partner"], "\0" + conflicts["cover_id"]])
    codes = pd.factorize(names)[0]
    paths, partners, covers = codes[:n], codes[n : 2 * n], codes[2 * n :]
    ends = np.concatenate([partners, covers])
    size = int(codes.max()) + 1
    ties = coo_matrix((np.ones(2 * n), (np.tile(paths, 2), ends)), shape=(size, size))
    return connected_components(ties, directed=False)[1][paths]
