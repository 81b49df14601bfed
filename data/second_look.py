"""A second look at covers: which are scans of one sleeve, though cropped, framed, turned or photographed.

The perceptual hash sees whole pictures and misses those. Here one cover is seen in parts: where a part of it
is near another cover in a coarse descriptor, the two are laid over each other. Thumbnails suffice for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd

from coverfusion.data.duplicates import MIN_DETAIL, faiss_threads
from coverfusion.data.overlay import COARSE_SIDE, SAME_AGREEMENT, WHOLE, Part, agreement, coarse
from coverfusion.data.thumbnails import read_thumbnails

PARTS = (
    WHOLE,
    Part(0.94),
    Part(0.88),
    Part(0.93, turn=4),
    Part(0.93, turn=-4),
    *(Part(0.92, right=x, down=y) for x in (-0.04, 0.04) for y in (-0.04, 0.04)),
    *(Part(turn=turn) for turn in (90, 180, 270)),
)
# Cosine of the descriptors of two candidates. A cover that stands on its side is rare, chance is not.
MIN_LIKENESS, MIN_LIKENESS_UPENDED = 0.82, 0.9
_DESCRIPTOR_SIDE = 12
_NEAREST = 6  # candidates for each part of a cover
_EXACT_BELOW = 6_000  # covers; among more the nearest lists are looked into
_LISTS_PER_QUERY = 24
_COVERS_PER_CHUNK = 20_000


# (position of the part, position of the whole, number of the part in `PARTS`) -> how well they agree
Agreement = Callable[[int, int, int], float]


def laid_over(thumbnails: Sequence[bytes]) -> Agreement:
    """How well covers agree when a part of one is laid over another, computed whenever it is asked."""

    def agreement_of(part: int, whole: int, which: int) -> float:
        other, picture = read_thumbnails([thumbnails[part], thumbnails[whole]])
        return agreement(picture, other, PARTS[which])

    return agreement_of


def other_scans(
    thumbnails: Sequence[bytes], detail: np.ndarray, agree: Agreement | None = None
) -> np.ndarray:
    """Pairs of covers that show one sleeve.

    Args:
        thumbnails: of n covers, as `data.thumbnails` writes them.
        detail: (n,) spread of the luma; blank covers are like no other.
        agree: remembers what has been compared before; None: `laid_over`.

    Returns:
        (m, 2) int64 positions, first < second, no pair twice.
    """
    seen = np.flatnonzero(np.asarray(detail) >= MIN_DETAIL)
    if len(seen) < 2:
        return np.empty((0, 2), np.int64)
    candidates = _candidates([thumbnails[row] for row in seen.tolist()])
    pairs = seen[candidates[["part", "whole"]].to_numpy(np.int64)]
    agree = agree or laid_over(thumbnails)
    ways = zip(pairs.tolist(), candidates["which"].tolist(), strict=True)
    same = [agree(part, whole, which) >= SAME_AGREEMENT for (part, whole), which in ways]
    return np.sort(pairs[np.array(same, bool)], axis=1)


def surely_same(pairs: np.ndarray, agree: Agreement) -> np.ndarray:
    """Those (m, 2) of the pairs (n, 2) that agree when a part of one cover is laid over the other."""
    same = [
        any(
            agree(*way, which) >= SAME_AGREEMENT
            for which in range(len(PARTS))
            for way in ((first, second), (second, first))
        )
        for first, second in pairs.tolist()
    ]
    return pairs[np.array(same, bool)]


def _candidates(thumbnails: Sequence[bytes]) -> pd.DataFrame:
    """One row a pair: of the cover `part` the one of `PARTS` numbered `which` is like the cover `whole`."""
    with faiss_threads(len(thumbnails)):
        index = _index(np.concatenate([_described(chunk, WHOLE) for _, chunk in _coarse_chunks(thumbnails)]))
        found = [
            _nearest(index, start, chunk, which)
            for start, chunk in _coarse_chunks(thumbnails)
            for which in range(len(PARTS))
        ]
    rows = pd.concat(found)
    ends = np.sort(rows[["part", "whole"]].to_numpy(), axis=1)
    rows = rows.assign(first=ends[:, 0], second=ends[:, 1])
    rows = rows.sort_values(["likeness", "which"], ascending=[False, True], kind="stable")
    return rows.drop_duplicates(["first", "second"]).sort_values(["first", "second"])


def _coarse_chunks(thumbnails: Sequence[bytes]) -> Iterator[tuple[int, np.ndarray]]:
    """Start and (n, 1024) float32 pixels of so many covers."""
    for start in range(0, len(thumbnails), _COVERS_PER_CHUNK):
        pictures = read_thumbnails(thumbnails[start : start + _COVERS_PER_CHUNK])
        yield start, coarse(pictures).reshape(len(pictures), -1).astype(np.float32)


def _nearest(index: Any, start: int, chunk: np.ndarray, which: int) -> pd.DataFrame:
    likeness, whole = index.search(_described(chunk, PARTS[which]), _NEAREST + 1)  # one may be itself
    part = np.repeat(np.arange(start, start + len(chunk)), _NEAREST + 1).reshape(whole.shape)
    least = MIN_LIKENESS if abs(PARTS[which].turn) < 45 else MIN_LIKENESS_UPENDED
    like = (likeness >= least) & (part != whole)
    found = {"part": part[like], "whole": whole[like], "likeness": likeness[like]}
    return pd.DataFrame(found).assign(which=which)


def _index(wholes: np.ndarray) -> Any:
    """(n, d) unit vectors as an index of cosines."""
    import faiss

    covers, size = wholes.shape
    index: Any = faiss.IndexFlatIP(size)
    if covers >= _EXACT_BELOW:
        index = faiss.IndexIVFFlat(index, size, round(4 * covers**0.5), faiss.METRIC_INNER_PRODUCT)
        index.nprobe = _LISTS_PER_QUERY
        index.train(wholes)
    index.add(wholes)
    return index


def _described(chunk: np.ndarray, part: Part) -> np.ndarray:
    """(n, 144) float32 of unit length: a part of each picture, without mean and slope of its light."""
    values = chunk @ _describer(part)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)


@functools.cache
def _describer(part: Part) -> np.ndarray:
    """(1024, 144) float32: every step from a coarse picture to the descriptor of its part is linear."""
    placing, pixels = part.placing(COARSE_SIDE), np.eye(COARSE_SIDE**2, dtype=np.float32)
    values = np.stack([_small_part(one.reshape(COARSE_SIDE, COARSE_SIDE), placing).ravel() for one in pixels])
    across = np.tile(np.linspace(-1, 1, _DESCRIPTOR_SIDE), (_DESCRIPTOR_SIDE, 1))
    light = np.stack([np.ones_like(across), across, across.T]).reshape(3, -1).T
    axes = np.linalg.qr(light)[0]
    return (values - values @ axes @ axes.T).astype(np.float32)


def _small_part(picture: np.ndarray, placing: np.ndarray) -> np.ndarray:
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    part = cv2.warpAffine(picture, placing, picture.shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(part, (_DESCRIPTOR_SIDE, _DESCRIPTOR_SIDE), interpolation=cv2.INTER_AREA)
