"""How many other scans of real covers are found, by the hash alone and by the second look too."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.collection import read_collection
from coverfusion.data.duplicates import group_covers, near_pairs
from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureFacts, decode, facts
from coverfusion.data.second_look import other_scans
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.bench.drawn_covers import BENCH_SEED
from coverfusion.experiments.bench.rescans import RESCANS, rescan
from coverfusion.experiments.pipeline.console import console, print_frame
from coverfusion.experiments.pipeline.progress import counted


def bench_duplicates(collection: Path, covers: int = 300) -> pd.DataFrame:
    """Draws covers, makes scans of them, looks for these among all covers, and prints the shares.

    Args:
        collection: as for `extract`.
        covers: how many are drawn; each is scanned once in every kind.

    Returns:
        One row a kind of scan: `kind`; `by_hash` and `by_both`, the share of scans whose cover is found;
        `false_by_hash` and `false_by_both`, the scans that are paired with a cover of another group.

    Raises:
        UserError: the collection has fewer covers.
    """
    frame = read_collection(collection, keep="all").frame.drop_duplicates("cover_id", ignore_index=True)
    if len(frame) < covers:
        raise UserError(f"{collection} has {len(frame)} usable covers, not {covers}; ask for fewer --covers.")
    started = time.process_time()
    known = [facts(read_bytes(path)) for path in frame["path"]]
    decoding = time.process_time() - started
    hashed, hashing = _timed(_by_hash, known)
    looked, looking = _timed(_by_look, known)
    groups = group_covers(frame[["cover_id"]], np.vstack([hashed, looked]))
    before = group_covers(frame[["cover_id"]], hashed)
    console.print(
        f"{len(frame):,} covers, seconds of CPU: decoding {decoding:.1f}, hash {hashing:.1f}, second look "
        f"{looking:.1f}. "
        f"Covers in groups of several: {_grouped(before):,} by the hash, {_grouped(groups):,} by both"
    )
    drawn = np.random.default_rng(BENCH_SEED).choice(len(frame), covers, replace=False)
    rows = []
    with counted("scanning", len(RESCANS)) as bar:
        for number, kind in enumerate(RESCANS):
            scans = [
                facts(rescan(decode(read_bytes(frame["path"][n])), kind, np.random.default_rng([n, number])))
                for n in drawn
            ]
            rows.append({"kind": kind, **_found(known, scans, drawn, groups)})
            bar.advance(bar.task_ids[0])
    result = pd.DataFrame(rows)
    print_frame(result.round(3), f"{covers:,} scans of each kind among {len(frame):,} covers")
    return result


def _found(
    known: Sequence[PictureFacts], scans: Sequence[PictureFacts], drawn: np.ndarray, groups: np.ndarray
) -> dict[str, float]:
    every = [*known, *scans]
    pairs = {"by_hash": _by_hash(every)}
    pairs["by_both"] = np.vstack([pairs["by_hash"], _by_look(every)])
    shares = {}
    for name, found in pairs.items():
        found = found[(found[:, 0] < len(known)) & (found[:, 1] >= len(known))]
        scan = found[:, 1] - len(known)
        right = groups[found[:, 0]] == groups[drawn[scan]]
        shares[name] = len(set(scan[right])) / len(scans)
        shares[f"false_{name}"] = len(set(scan[~right]))
    return shares


def _by_hash(known: Sequence[PictureFacts]) -> np.ndarray:
    return near_pairs([one.phash for one in known], np.array([one.detail for one in known]))


def _by_look(known: Sequence[PictureFacts]) -> np.ndarray:
    return other_scans([one.thumbnail for one in known], np.array([one.detail for one in known]))


def _timed(
    find: Callable[[Sequence[PictureFacts]], np.ndarray], known: Sequence[PictureFacts]
) -> tuple[np.ndarray, float]:
    started = time.process_time()
    return find(known), time.process_time() - started


def _grouped(groups: np.ndarray) -> int:
    return int((np.bincount(groups)[groups] > 1).sum())
