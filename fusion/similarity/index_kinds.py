"""Flat, IVF or HNSW: which index for how many rows, built in one pass, with its recall measured.

Both approximate kinds search small codes (8 bits a number, after PCA where rows are wide) and order the best
candidates anew by the whole rows in half precision, so wide rows need about 0.6 of a flat index's memory.
HNSW's graph, built by several threads, differs a little from run to run.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from coverfusion.fusion.similarity.vector_search import indexed_rows

INDEX_KINDS = ("flat", "ivf", "hnsw")
FLAT_UP_TO = 50_000  # rows: a query by itself takes milliseconds
HNSW_UP_TO = 200_000  # rows: beyond, building its graph takes more than twice as long as IVF (`bench index`)
MIN_APPROXIMATE_ROWS = 1000  # rows for an approximate index
WIDE, REDUCED = 512, 128  # rows wider than the first are searched by so many principal components
TARGET = 0.95  # recall@10 that the search effort is raised to
K = 10
CANDIDATES, MOST_CANDIDATES = 10, 160  # times k, ordered anew by their whole rows
GAIN = 0.005  # of recall; where more effort brings less, the codes are to blame: more candidates then
TRAINING = 64  # rows a list that IVF's k-means learns from
EFFORTS = {"ivf": ("nprobe", 2), "hnsw": ("efSearch", 16)}  # FAISS's name of the effort, and where it starts


@dataclass(frozen=True)
class Built:
    """An index and what was measured of it.

    Attributes:
        index: of FAISS.
        kind: "flat", "ivf" or "hnsw".
        recipe: FAISS's own description of it.
        effort: lists or graph nodes looked at in a search (`nprobe`, `efSearch`) and candidates ordered anew,
            times k (`k_factor`); empty for flat.
        recall: recall@10 on queries that neither training nor the choice of the effort has seen.
        queries: how many those were.
        seconds: "train", "add" and "tune".
    """

    index: Any
    kind: str
    recipe: str
    effort: dict[str, int]
    recall: float
    queries: int
    seconds: dict[str, float]


def choose(rows: int) -> str:
    """The kind for so many rows: exact while that is fast, then HNSW (the faster search), then IVF."""
    if rows <= FLAT_UP_TO:
        return "flat"
    return "hnsw" if rows <= HNSW_UP_TO else "ivf"


def lists(rows: int) -> int:
    """IVF's number of lists: a power of two near 4 sqrt(rows), and rows enough to learn each from."""
    wanted = min(4 * np.sqrt(rows), rows / TRAINING)
    return max(1, 2 ** round(np.log2(max(wanted, 1))))


def training_rows(kind: str, rows: int) -> int:
    """How many rows `build` should be given to learn from."""
    return min(rows, max(TRAINING * lists(rows) if kind == "ivf" else 0, 20_000))


def recipe(kind: str, rows: int, width: int) -> str:
    """FAISS's factory string.

    Raises:
        ValueError: no such kind.
    """
    if kind == "flat":
        return "Flat"
    if kind not in INDEX_KINDS:
        raise ValueError(f"kind must be one of {', '.join(INDEX_KINDS)}, not {kind!r}")
    reduce = f"PCA{REDUCED}," if width > WIDE else ""
    return f"{reduce}{f'IVF{lists(rows)}' if kind == 'ivf' else 'HNSW32'},SQ8,Refine(SQfp16)"


def build(
    chunks: Iterable[np.ndarray],
    learn: np.ndarray,
    queries: np.ndarray,
    rows: int,
    kind: str,
    target: float = TARGET,
    seed: int = 0,
) -> Built:
    """Builds an L2 index in one pass over the rows, and measures its recall beside exact search.

    The search effort is doubled until the first half of the queries reaches `target`; the recall that is told
    is that of the second half. Then the queries themselves are added, after all other rows.

    Args:
        chunks: (n, width) float32 rows, many at a time; without the queries.
        learn: (m, width) float32 rows that codes, lists and PCA are learnt from; without the queries.
        queries: (q, width) float32 held-out rows, q at least 2.
        rows: how many there will be, the queries among them.
        kind: of `KINDS`.
        target: recall@10 wanted.
        seed: of IVF's k-means.
    """
    import faiss

    seconds = dict.fromkeys(("train", "add", "tune"), 0.0)
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    description = recipe(kind, rows, queries.shape[1])
    started = time.perf_counter()
    index: Any = faiss.index_factory(queries.shape[1], description)
    if kind == "ivf":
        clustering = faiss.extract_index_ivf(index.base_index).cp
        clustering.seed, clustering.max_points_per_centroid = seed, TRAINING
    index.train(np.ascontiguousarray(learn, dtype=np.float32))
    seconds["train"] = time.perf_counter() - started
    truth = faiss.ResultHeap(len(queries), K)
    for chunk in chunks:
        chunk = np.ascontiguousarray(chunk, dtype=np.float32)
        squared, found = faiss.knn(queries, chunk, min(K, len(chunk)))
        truth.add_result(squared, found + index.ntotal)
        started = time.perf_counter()
        index.add(chunk)
        seconds["add"] += time.perf_counter() - started
    truth.finalize()
    started = time.perf_counter()
    half = len(queries) // 2
    effort = tune(index, kind, queries[:half], truth.I[:half], target)
    seconds["tune"] = time.perf_counter() - started
    measured = recall(index, queries[half:], truth.I[half:])
    index.add(queries)
    return Built(index, kind, description, effort, measured, len(queries) - half, seconds)


def tune(index: Any, kind: str, queries: np.ndarray, truth: np.ndarray, target: float) -> dict[str, int]:
    """Raises an index's search effort, and keeps it there, until its recall@10 is the target.

    Args:
        index: of `kind`; it is changed.
        kind: of `KINDS`.
        queries: (q, width) float32.
        truth: (q, 10) rows of exact search.
        target: recall wanted; where the largest effort stays below, that one is kept.

    Returns:
        FAISS's names of the efforts and their values; empty for flat, which has none.
    """
    import faiss

    if kind == "flat":
        return {}
    (name, effort), candidates, before = EFFORTS[kind], CANDIDATES, 0.0
    most = faiss.extract_index_ivf(index.base_index).nlist if kind == "ivf" else min(4096, index.ntotal)
    while True:
        effort = min(effort, most)
        faiss.ParameterSpace().set_index_parameter(index.base_index, name, effort)
        index.k_factor = candidates
        reached = recall(index, queries, truth)
        if reached >= target or (effort == most and candidates == MOST_CANDIDATES):
            return {name: effort, "k_factor": candidates}
        if candidates < MOST_CANDIDATES and (effort == most or reached - before < GAIN):
            candidates *= 2
        else:
            effort *= 2
        before = reached


def recall(index: Any, queries: np.ndarray, truth: np.ndarray) -> float:
    """Recall@10: the share of the 10 nearest rows that a search finds.

    A row found in place of another at the same distance counts as right, as in M. Aumüller, E. Bernhardsson
    and A. Faithfull, ANN-Benchmarks, Information Systems 87, 2020.

    Args:
        index: to be measured.
        queries: (q, width) float32.
        truth: (q, 10) rows of exact search, nearest first, -1 where there were fewer.
    """
    wanted = (truth >= 0).sum(axis=1)
    squared, found = index.search(queries, K)
    farthest = np.take_along_axis(truth, np.maximum(wanted - 1, 0)[:, None], axis=1)[:, 0]
    limit = ((indexed_rows(index, farthest) - queries) ** 2).sum(axis=1, keepdims=True)
    hit = (found[:, :, None] == truth[:, None, :]).any(axis=2) | (squared <= limit * (1 + 1e-5))
    hits = np.minimum((hit & (found >= 0)).sum(axis=1), wanted)
    return float((hits / wanted).mean())
