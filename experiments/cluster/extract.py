"""Extraction on Ray: actors compute rows, the command that started them writes the store.

So the store needs no shared folder, has one writer, and holds what the local engine would have put there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureError
from coverfusion.data.registry import Plugin, loaded_plugins, use_plugins
from coverfusion.experiments.cluster.engine import cluster, limit_threads, run_parts
from coverfusion.experiments.cluster.pictures import decoded_chunks
from coverfusion.experiments.pipeline.progress import block_bars
from coverfusion.features.extract import (
    COVERS_PER_CHUNK,
    READING,
    Failure,
    block_named,
    compute,
    limit_of,
)
from coverfusion.features.failure_limit import MAX_FAILED
from coverfusion.features.registry import Extractor, create, missing_weights
from coverfusion.features.store import Store

COVERS_A_TASK = 2 * COVERS_PER_CHUNK  # covers a task: small, for its rows come back in one piece
ROW_SCHEMA = pa.schema(
    [
        ("block", pa.string()),  # "" for a picture that could not be read
        ("cover_id", pa.string()),
        ("path", pa.string()),
        ("row", pa.list_(pa.float32())),
        ("note", pa.string()),
        ("reason", pa.string()),  # why there is no row
        ("seconds", pa.float64()),  # this cover's share of the time that its block took
        ("in_all", pa.float64()),  # its share of the time that the whole part took, reading included
    ]
)


@dataclass(frozen=True)
class ExtractJob:
    """What an actor is made from.

    Attributes:
        extractors: block -> {"fingerprint": ..., "preset": ..., "parameters": ...}.
        base: what relative paths of pictures are relative to.
        cpus: threads of an actor.
        plugins: what the starting process has loaded.
    """

    extractors: Mapping[str, Mapping[str, Any]]
    base: Path
    cpus: int
    plugins: Sequence[Plugin] = ()


def extract_on_ray(
    covers: pd.DataFrame,
    extractors: Sequence[Extractor],
    store: Store,
    workers: int | None = None,
    address: str | None = None,
    done: Callable[[pa.Table], None] | None = None,
    size: int = COVERS_A_TASK,
    max_failed: float = MAX_FAILED,
) -> list[Failure]:
    """Computes and stores each row that the store lacks, with progress bars.

    Args:
        covers: frame with `cover_id` and `path`; the workers must be able to read the paths.
        extractors: the blocks to compute; their weights must be ready here and on every node.
        store: written by this process alone.
        workers: as `experiments.cluster.engine.cluster`.
        address: likewise.
        done: called with each part's rows (schema `ROW_SCHEMA`).
        size: covers a part; a multiple of `features.extract.COVERS_PER_CHUNK` keeps the batches of the local
            engine.
        max_failed: the share of covers that a block may fail on.

    Returns:
        The covers that gave no row, with the reason, in the order of `covers`; they are tried again by the
        next run.

    Raises:
        UserError: no Ray, no cluster, a worker failed or has other weights, the store cannot be written to,
            or a block fails on too many covers.
    """
    from coverfusion.experiments.pipeline.preparation import (
        describe_extractor,  # much that an actor need not load
    )

    by_name = {e.name: e for e in extractors}
    ids = covers["cover_id"].tolist()
    missing = {e.name: store.missing(e.fingerprint(), ids) for e in extractors}
    if not any(missing.values()):
        return []
    failures: list[Failure] = []
    limit = limit_of(max_failed, len(set(ids)), missing)
    counts = {name: len(lacking) for name, lacking in missing.items()}
    with cluster(workers, address) as on, block_bars(counts) as report:
        made = {e.name: describe_extractor(e) for e in extractors}
        job = ExtractJob(made, Path.cwd(), on.cpus, loaded_plugins())
        for rows in run_parts(on, _parts(covers, missing, size), Extracting, job):
            frame = rows.to_pandas()
            limit.add(READING, frame["cover_id"].nunique(), frame.loc[frame["block"] == "", "reason"])
            for name, part in frame.groupby("block"):
                failed = _keep(part, by_name.get(str(name)), store)
                failures += failed
                if name:
                    limit.add(block_named(str(name)), len(part), [failure.reason for failure in failed])
                    report(str(name), len(part), part["seconds"].sum() / on.workers)
            if done:
                done(rows)
    for name, lacking in missing.items():
        if lacking:
            store.merge(by_name[name].fingerprint())
    limit.check()
    place = {cover_id: position for position, cover_id in enumerate(ids)}
    return sorted(failures, key=lambda failure: place[failure.cover_id])


class Extracting:
    """An actor: one copy of each extractor, which turns covers into rows."""

    def __init__(self, job: ExtractJob) -> None:
        limit_threads(job.cpus)
        use_plugins(job.plugins)
        self.job = job
        self.extractors = [_made(name, made) for name, made in job.extractors.items()]
        for extractor in self.extractors:  # loads the models, so that a part's time is its own
            compute(extractor, [Image.new("RGB", (64, 64))])

    def __call__(self, part: pa.Table) -> pa.Table:
        """Columns `cover_id`, `path` and `blocks` (those that it lacks) in; `ROW_SCHEMA` out."""
        started = time.perf_counter()
        ids, paths = part.column("cover_id").to_pylist(), part.column("path").to_pylist()
        wanted = dict(zip(ids, part.column("blocks").to_pylist(), strict=True))
        rows: list[tuple[Any, ...]] = []
        for chunk in decoded_chunks(zip(ids, paths, strict=True), self.job.base, self.job.cpus):
            rows += [
                ("", i, path, None, None, str(got), 0.0)
                for i, path, got in chunk
                if isinstance(got, PictureError)
            ]
            for extractor in self.extractors:
                mine = [
                    (i, path, got)
                    for i, path, got in chunk
                    if not isinstance(got, PictureError) and extractor.name in wanted[i]
                ]
                rows += _rows(extractor, mine)
        share = (time.perf_counter() - started) / len(ids)
        columns = zip(*((*row, share) for row in rows), strict=True)
        return pa.table(
            [pa.array(c, f.type) for c, f in zip(columns, ROW_SCHEMA, strict=True)], schema=ROW_SCHEMA
        )


def _made(name: str, made: Mapping[str, Any]) -> Extractor:
    """The extractor on this node, which must be the one that the store's rows belong to."""
    extractor = create(name, made["preset"], **made["parameters"])
    if reason := missing_weights(extractor):
        raise UserError(f"Block '{name}' cannot run on a worker: {reason}")
    if extractor.fingerprint() != made["fingerprint"]:
        raise UserError(f"Block '{name}' has other weights on a worker than here. Install the same ones.")
    return extractor


def _rows(extractor: Extractor, pictures: Sequence[tuple[str, str, Any]]) -> Iterator[tuple[Any, ...]]:
    """The rows of one block as `ROW_SCHEMA` names them, but for the last column."""
    if not pictures:
        return
    started = time.perf_counter()
    rows, reasons = compute(extractor, [image for _, _, image in pictures])
    seconds = (time.perf_counter() - started) / len(pictures)
    for position, (cover_id, path, _) in enumerate(pictures):
        reason = reasons.get(position)
        note = rows.notes[position] if rows.notes is not None else None
        row = rows.values[position] if reason is None else None
        yield extractor.name, cover_id, path, row, note, reason, seconds


def _parts(covers: pd.DataFrame, missing: Mapping[str, Sequence[str]], size: int) -> Iterator[pa.Table]:
    """The covers that lack a row, each once, in order, with the blocks that they lack."""
    lacking: dict[str, list[str]] = {}
    for name, ids in missing.items():
        for cover_id in ids:
            lacking.setdefault(cover_id, []).append(name)
    # a cover under two genres has two rows in the collection; the last path counts, as in the local engine
    path_of = dict(zip(covers["cover_id"], covers["path"], strict=True))
    ids = [cover_id for cover_id in path_of if cover_id in lacking]
    for start in range(0, len(ids), size):
        some = ids[start : start + size]
        yield pa.table(
            {
                "cover_id": some,
                "path": [path_of[i] for i in some],
                "blocks": [lacking[i] for i in some],
            }
        )


def _keep(part: pd.DataFrame, extractor: Extractor | None, store: Store) -> list[Failure]:
    """Writes a block's rows; returns what failed."""
    failed = part["reason"].notna()
    good = part[~failed]
    if extractor is not None and len(good):
        notes = good["note"].tolist() if good["note"].notna().all() else None
        values = np.stack(good["row"].to_list()).astype(np.float32)
        store.write(extractor.fingerprint(), extractor.columns, good["cover_id"].tolist(), values, notes)
    columns = (part.loc[failed, name] for name in ("cover_id", "path", "block", "reason"))
    return [Failure(*values) for values in zip(*columns, strict=True)]
