"""Which releases belong together: those of one artist or one album."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from coverfusion.data.growing.release import Release

# Artists that stand for many or for nobody; whoever is credited so has nothing in common.
NO_ONES_ARTIST_IDS = frozenset(
    {
        # MusicBrainz
        "89ad4ac3-39f7-470e-963a-56509c546377",  # Various Artists
        "125ec42a-7229-4250-afc5-e057484327fe",  # [unknown]
        "f731ccc4-e22a-43af-a747-64213329e088",  # [anonymous]
        "9be7f096-97ec-4615-8957-8d40b5dcbc41",  # [traditional]
        "eec63d3c-3b81-4ad4-b1e4-7c147d4d2b61",  # [no artist]
        # Discogs
        "a194",  # Various
        "a355",  # Unknown Artist
        "a118760",  # No Artist
    }
)


def groups_of(releases: Sequence[Release]) -> list[str]:
    """A name for the group of each release: those that share an artist or an album, also through others.

    An artist who is credited alone here and together with someone there ties all of it into one group.

    Args:
        releases: n of them.

    Returns:
        n names, the least release group id in the group.
    """
    keys = [(row, key) for row, release in enumerate(releases) for key in _keys(release)]
    if not keys:
        return []
    rows, names = zip(*keys, strict=True)
    codes = pd.factorize(np.array(names))[0]
    size = len(releases) + codes.max() + 1
    edges = coo_matrix((np.ones(len(rows), np.int8), (rows, len(releases) + codes)), shape=(size, size))
    group = connected_components(edges, directed=False)[1][: len(releases)]
    albums = pd.Series([release.release_group_id for release in releases])
    return list(albums.groupby(group).transform("min"))


def _keys(release: Release) -> set[str]:
    return {release.release_group_id, *release.artist_ids} - NO_ONES_ARTIST_IDS
