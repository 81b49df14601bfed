"""Approximate indexes beside exact search: recall, speed, memory and building time on drawn vectors.

Each kind is measured in a process of its own, so that its peak memory is its own. The vectors are drawn
piece by piece straight into the index (`experiments.bench.drawn_vectors`).
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import psutil

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.experiments.bench.drawn_covers import BENCH_SEED
from coverfusion.experiments.bench.drawn_vectors import VECTORS_PER_PIECE, draw_vectors, hardness
from coverfusion.experiments.pipeline.console import console, print_frame
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.fusion.blocks import BlockScaler
from coverfusion.fusion.similarity.index_kinds import INDEX_KINDS, K, build, training_rows

HELD_OUT_VECTORS = 1000  # half for the choice of the effort, half for the recall
TIMED_QUERIES = {"flat": 200}  # of a timing, where not HELD_OUT_VECTORS: exact search is slow
SINGLE_QUERIES = 10  # asked one at a time
TIMING_ROUNDS = 3
MAX_HARDNESS_VECTORS = 5000  # whose hardness is measured
MIN_VECTORS = 10_000
PRINTED_ROWS = {  # column -> its title and how a value is written
    "recipe": ("recipe", "{}"),
    "effort": ("effort", "{}"),
    "recall_at_10": ("recall@10", "{:.3f}"),
    "times_flat": ("times the speed of flat, all threads", "{:.1f}"),
    "times_flat_one_thread": ("times the speed of flat, one thread", "{:.1f}"),
    "queries_s": ("queries/s, all threads", "{:,.0f}"),
    "queries_s_one_thread": ("queries/s, one thread", "{:,.0f}"),
    "ms_alone": ("one query by itself, ms", "{:.1f}"),
    "index_gb": ("index in memory, GB", "{:.2f}"),
    "peak_gb": ("peak memory of the process, GB", "{:.2f}"),
    "train_s": ("learning, s", "{:.0f}"),
    "add_s": ("adding, s", "{:.0f}"),
}


def bench_index(
    vectors: int, dimensions: int, kinds: Sequence[str] | None = None, real: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Measures exact search and the approximate kinds, and prints the figures.

    Args:
        vectors: how many are indexed.
        dimensions: of each.
        kinds: of `fusion.similarity.index_kinds.INDEX_KINDS`; None: all. Exact search is always measured.
        real: (n, d) float32 real embeddings, to tell how hard they are beside the drawn ones.

    Returns:
        One row a kind, as `measure` gives it, with `times_flat` and `times_flat_one_thread`.

    Raises:
        UserError: too few vectors or dimensions, or an unknown kind.
    """
    if vectors < MIN_VECTORS or dimensions < 2:
        raise UserError(f"bench index: take {MIN_VECTORS:,} --vectors or more of 2 --dimensions or more.")
    for kind in kinds or ():
        if kind not in INDEX_KINDS:
            raise UserError(f"bench index: no kind of index '{kind}'.{did_you_mean(kind, INDEX_KINDS)}")
    chosen = list(dict.fromkeys(["flat", *(kinds or INDEX_KINDS)]))
    _print_hardness(dimensions, real)
    results = []
    with counted("measuring", len(chosen)) as bar:
        for kind in chosen:
            bar.update(bar.task_ids[0], now=kind)
            spawn = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                results.append(pool.submit(measure, kind, vectors, dimensions).result())
            bar.advance(bar.task_ids[0])
    frame = pd.DataFrame(results)
    for name, rate in (("times_flat", "queries_s"), ("times_flat_one_thread", "queries_s_one_thread")):
        frame[name] = frame[rate] / frame[rate].iloc[0]
    return frame


def measure(kind: str, vectors: int, dimensions: int) -> dict[str, Any]:
    """Builds one kind over drawn vectors and measures it.

    Returns:
        `kind`, `recipe`, `effort`, `recall_at_10`; seconds to `train` and `add`; queries/s in batches with
        all threads and with one, the median of three rounds; `ms_alone` for a query by itself, all threads;
        GB of the index (what the process grew by) and of the process at its peak.
    """
    import faiss

    last_piece = vectors // VECTORS_PER_PIECE
    queries = _drawn(HELD_OUT_VECTORS, dimensions, last_piece + 2)
    held = _drawn(HELD_OUT_VECTORS, dimensions, last_piece + 1)
    indexed = partial(draw_vectors, vectors - HELD_OUT_VECTORS, dimensions, BENCH_SEED)
    learn = _first(indexed(), training_rows(kind, vectors))
    before = psutil.Process().memory_info().rss - learn.nbytes
    built = build(indexed(), learn, held, vectors, kind, seed=BENCH_SEED)
    del learn
    gc.collect()
    grown = psutil.Process().memory_info().rss - before
    batch = queries[: TIMED_QUERIES.get(kind, HELD_OUT_VECTORS)]
    threads = faiss.omp_get_max_threads()
    rates = {}
    for name, count in (("queries_s", threads), ("queries_s_one_thread", 1)):
        faiss.omp_set_num_threads(count)
        rates[name] = len(batch) / _seconds(built.index, [batch])
    faiss.omp_set_num_threads(threads)
    alone = _seconds(built.index, [queries[n : n + 1] for n in range(SINGLE_QUERIES)]) / SINGLE_QUERIES
    return {
        "kind": kind,
        "recipe": built.recipe,
        "effort": " ".join(f"{name}={value}" for name, value in built.effort.items()),
        "recall_at_10": built.recall,
        "train_s": built.seconds["train"],
        "add_s": built.seconds["add"],
        **rates,
        "ms_alone": 1000 * alone,
        "index_gb": grown / 1e9,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }


def print_bench(frame: pd.DataFrame, vectors: int, dimensions: int) -> None:
    """Prints what `bench_index` gives, a column a kind."""
    lines = {
        title: [template.format(value) for value in frame[column]]
        for column, (title, template) in PRINTED_ROWS.items()
    }
    printed = pd.DataFrame.from_dict(lines, orient="index", columns=frame["kind"]).reset_index(names="")
    print_frame(printed, f"{vectors:,} vectors of {dimensions:,}; the 10 nearest")


def _print_hardness(dimensions: int, real: pd.DataFrame | None) -> None:
    whole = None if real is None else real.dropna()
    count = MAX_HARDNESS_VECTORS if whole is None else min(MAX_HARDNESS_VECTORS, len(whole))
    compared = {"drawn": _drawn(count, dimensions)}
    if whole is not None:
        some = whole.sample(count, random_state=BENCH_SEED).to_numpy(np.float32)
        compared["real"] = BlockScaler().fit_transform(some, {"cnn": np.arange(some.shape[1])})
    for name, some in compared.items():
        difficulty = hardness(some)
        console.print(
            f"{name}, {count:,} vectors: intrinsic dimension {difficulty['intrinsic_dimension']:.1f}, "
            f"contrast {difficulty['contrast']:.2f}, {difficulty['components_90']:.0f} components hold 90 % "
            "of the variance"
        )


def _drawn(count: int, dimensions: int, first: int = 0) -> np.ndarray:
    return np.concatenate(list(draw_vectors(count, dimensions, BENCH_SEED, first=first)))


def _first(pieces: Iterator[np.ndarray], count: int) -> np.ndarray:
    whole = itertools.islice(pieces, -(-count // VECTORS_PER_PIECE))
    return np.concatenate(list(whole))[:count]


def _seconds(index: Any, batches: Sequence[np.ndarray]) -> float:
    """Median over the rounds; one round more warms up."""
    taken = []
    for _ in range(TIMING_ROUNDS + 1):
        started = time.perf_counter()
        for batch in batches:
            index.search(batch, K)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])
