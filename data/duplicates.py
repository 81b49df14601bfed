"""Which covers show the same picture, and the groups that a split must keep together.

Covers are compared by a 256-bit perceptual hash (see `data.pictures.facts`) in a FAISS binary inverted-file
index, which looks at a share of the covers only. The usual 64 bits will not do: photographs of one sleeve
differ in them as much as unrelated covers do, and among a million covers so many agree by chance that
unrelated ones chain into one giant group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

# Bits of 256 in which near duplicates may differ. Set by looking at real covers: two photographs of one
# sleeve differ in 0 to 84, unrelated covers (128 on average) begin at about 78 among seven million pairs.
# One step of 2 bits doubles the pairs that agree by chance; at 76 a million covers still do not chain.
NEAR_BITS = 76
# Below this spread of luma (0 to 127.5) a cover is blank and its hash is noise: only equal bytes count.
MIN_DETAIL = 2.0

# Lists looked into for each cover: a third of them, and all of them up to about 1,000 covers. Of drawn pairs
# that differ in 51 to 76 bits 99.3 % were found among 4,000 covers, 98.9 % among 30,000 and 98.6 % among
# 200,000. A fixed number of 64 lists found 99.3, 93.0 and 79.3 %.
_MIN_LISTS_PER_QUERY = 64
_SHARE_OF_LISTS = 1 / 3
_QUERIES_PER_CHUNK = 20_000
# Below this many covers FAISS's threads cost more than they bring, much more where the cores are busy.
_ONE_THREAD_BELOW = 50_000
# Artists that are none: covers under these names have nothing in common.
_NO_ARTIST = {"", "various", "various artists", "va", "unknown", "unknown artist", "no artist"}


def near_pairs(hashes: Iterable[str], detail: np.ndarray) -> np.ndarray:
    """Pairs of covers that show the same picture.

    Of covers with equal hashes the first alone is compared with others and the rest are paired with it: a
    thousand copies give a thousand pairs, not half a million.

    Args:
        hashes: n perceptual hashes of 256 bits as 64 hex digits.
        detail: (n,) spread of the luma, 0 to 127.5.

    Returns:
        (m, 2) int64 positions, first < second.
    """
    bits = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint8).reshape(-1, 32)
    usable = np.flatnonzero(np.asarray(detail) >= MIN_DETAIL)
    if len(usable) < 2:
        return np.empty((0, 2), np.int64)
    _, first, inverse = np.unique(bits[usable], axis=0, return_index=True, return_inverse=True)
    originals = usable[first]
    copies = np.column_stack([originals[inverse.ravel()], usable])
    copies = copies[copies[:, 0] != copies[:, 1]]
    near = originals[_search(np.ascontiguousarray(bits[originals]))]
    return np.sort(np.vstack([copies, near]), axis=1).astype(np.int64)


def same_picture(one: tuple[str, float], other: tuple[str, float]) -> bool:
    """Whether two covers show the same picture; both as `data.pictures.picture_hash` gives them."""
    apart = (int(one[0], 16) ^ int(other[0], 16)).bit_count()
    return apart <= NEAR_BITS and min(one[1], other[1]) >= MIN_DETAIL


def beside_another(cover_id: Sequence[str] | pd.Series, group: Sequence[int] | pd.Series) -> np.ndarray:
    """(n,) whether another one of these covers is in the same group; a cover that stands twice is one.

    Args:
        cover_id: n ids.
        group: n groups of any kind.
    """
    frame = pd.DataFrame({"cover_id": list(cover_id), "group": list(group)})
    return (frame.groupby("group")["cover_id"].transform("nunique") > 1).to_numpy(bool)


def group_covers(frame: pd.DataFrame, pairs: np.ndarray) -> np.ndarray:
    """Numbers the groups of covers that belong together, 0 to (number of groups - 1).

    Joined are: the pairs, rows of the same `cover_id`, of the same `artist` (in any case; "Various
    Artists" and the like join nothing), of the same given `group` and of the same `release`.

    Args:
        frame: n covers; the columns `cover_id`, `artist`, `group` and `release` are used where they are
            there.
        pairs: (m, 2) positions of covers that belong together.

    Returns:
        (n,) int64.
    """
    edges = [pairs]
    for column in ("cover_id", "artist", "group", "release"):
        if column in frame:
            key = frame[column].fillna("").astype(str).str.strip()
            if column == "artist":
                key = key.str.casefold()
                key = key.where(~key.isin(_NO_ARTIST), "")
            edges.append(_edges_of(key.to_numpy()))
    first, second = np.vstack(edges).T
    graph = coo_matrix((np.ones(len(first), np.int8), (first, second)), shape=(len(frame), len(frame)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


@contextmanager
def faiss_threads(covers: int) -> Iterator[None]:
    """One thread for few covers, as many as there are for many."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1 if covers < _ONE_THREAD_BELOW else threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _edges_of(key: np.ndarray) -> np.ndarray:
    """(m, 2): every row joined to the first one with the same key; an empty key joins nothing."""
    rows = np.flatnonzero(key != "")
    _, first, inverse = np.unique(key[rows], return_index=True, return_inverse=True)
    return np.column_stack([rows[first][inverse], rows]).astype(np.int64)


def _search(bits: np.ndarray) -> np.ndarray:
    """(m, 2) positions of near hashes, each pair once; `bits` is (n, 32) uint8 without equal rows."""
    import faiss

    lists = max(1, round(2 * len(bits) ** 0.5))
    # Covers drawn at random serve as centres: k-means would take longer than the search it speeds up.
    drawn = np.random.default_rng(0).choice(len(bits), min(lists, len(bits)), replace=False)
    centres = faiss.IndexBinaryFlat(256)
    centres.add(bits[drawn])
    index = faiss.IndexBinaryIVF(centres, 256, len(drawn))
    index.is_trained = True
    index.nprobe = max(_MIN_LISTS_PER_QUERY, round(_SHARE_OF_LISTS * lists))
    with faiss_threads(len(bits)):
        index.add(bits)
        pairs = [_near_chunk(index, bits, start) for start in range(0, len(bits), _QUERIES_PER_CHUNK)]
    return np.unique(np.vstack(pairs), axis=0)


def _near_chunk(index: Any, bits: np.ndarray, start: int) -> np.ndarray:
    queries = bits[start : start + _QUERIES_PER_CHUNK]
    limits, _, positions = index.range_search(queries, NEAR_BITS + 1)  # FAISS's radius is exclusive
    limits = np.asarray(limits, dtype=np.int64)
    asked = np.repeat(np.arange(start, start + len(queries)), limits[1:] - limits[:-1])
    pairs = np.column_stack([asked, positions]).astype(np.int64)
    # One direction may be missed by the lists looked into, so both are kept and made one.
    return np.sort(pairs[asked != positions], axis=1)
