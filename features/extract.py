"""Covers in, rows in the store out: decoding runs ahead, each picture is decoded once for all blocks."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from PIL.Image import Image

from coverfusion.data.machine_faults import stop_at_machine_fault, stop_where_nothing_can_be_read
from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.sources import read_bytes, room_for
from coverfusion.features.failure_limit import MAX_FAILED, FailureLimit
from coverfusion.features.memory import trim_heaps
from coverfusion.features.registry import Annotator, Extractor, TextReader
from coverfusion.features.store import Store
from coverfusion.features.table import FeatureTable

COVERS_PER_CHUNK = 64  # covers decoded, computed and stored together
READING = "Reading pictures"  # that it failed on
CHUNKS_AHEAD = 1  # chunks being decoded while one is computed

Progress = Callable[[str, int, float], None]  # block, covers done, seconds spent in the block


@dataclass(frozen=True)
class Failure:
    """A cover that gave no row. `block` is empty where the picture itself could not be read."""

    cover_id: str
    path: str
    block: str
    reason: str


@dataclass(frozen=True)
class Rows:
    """One block of some covers: (n, d) float32 values, all-NaN where the extractor failed, and n notes.

    Of pictures themselves (`features.pixels`) the values are an object array with a picture a cell.
    """

    values: np.ndarray
    notes: Sequence[Any] | None  # texts; None where a row is not there


def extract(
    covers: pd.DataFrame,
    extractors: Sequence[Extractor],
    store: Store,
    progress: Progress | None = None,
    max_failed: float = MAX_FAILED,
) -> list[Failure]:
    """Computes and stores each row that the store lacks.

    Args:
        covers: frame with `cover_id` and `path`.
        extractors: the blocks to compute; their weights must be ready.
        store: where rows are looked up and kept.
        progress: called after each chunk and block.
        max_failed: the share of covers that a block may fail on.

    Returns:
        The covers that gave no row, with the reason; they are tried again by the next run.

    Raises:
        UserError: the store cannot be written to, or a block fails on too many covers.
        MachineError: as `compute`.
    """
    prints = {e.name: e.fingerprint() for e in extractors}
    ids = covers["cover_id"].tolist()
    todo = {name: set(store.missing(fingerprint, ids)) for name, fingerprint in prints.items()}
    wanted = set().union(*todo.values())
    places = ((i, p) for i, p in _once(zip(ids, covers["path"], strict=True)) if i in wanted)
    failures: list[Failure] = []
    limit = limit_of(max_failed, len(set(ids)), todo)
    for chunk in decoded_ahead(places):
        unread = [Failure(i, path, "", str(got)) for i, path, got in chunk if isinstance(got, PictureError)]
        failures += unread
        limit.add(READING, len(chunk), [failure.reason for failure in unread])
        pictures = {i: (path, got) for i, path, got in chunk if not isinstance(got, PictureError)}
        for extractor in extractors:
            mine = {i: pictures[i] for i in pictures if i in todo[extractor.name]}
            # another process on this store may have written some since
            mine, every = {i: mine[i] for i in store.missing(prints[extractor.name], list(mine))}, len(mine)
            if progress and len(mine) < every:
                progress(extractor.name, every - len(mine), 0.0)
            failed = _extract_block(extractor, prints[extractor.name], mine, store, progress)
            failures += failed
            limit.add(block_named(extractor.name), every, [failure.reason for failure in failed])
    for name, fingerprint in prints.items():
        if todo[name]:
            store.merge(fingerprint)
    limit.check()
    return failures


def limit_of(most: float, covers: int, todo: Mapping[str, Collection[str]]) -> FailureLimit:
    """What ends a run that fails on too many of so many covers, of which blocks lack those in `todo`."""
    done = {block_named(name): covers - len(lacking) for name, lacking in todo.items()}
    return FailureLimit(most, done | {READING: covers - len(set().union(*todo.values()))})


def block_named(name: str) -> str:
    """A block in a message."""
    return f"Block '{name}'"


def read_table(cover_ids: Sequence[str], extractors: Sequence[Extractor], store: Store) -> FeatureTable:
    """The feature table of these covers as the store has it; a row that is not there is all NaN."""
    index = pd.Index(cover_ids, name="cover_id")
    rows = {}
    for extractor in extractors:
        values, notes = store.read(extractor.fingerprint(), cover_ids, len(extractor.columns))
        rows[extractor.name] = Rows(values, notes if isinstance(extractor, Annotator) else None)
    return table_of_rows(rows, extractors, index)


def table_of_rows(rows: Mapping[str, Rows], extractors: Sequence[Extractor], index: pd.Index) -> FeatureTable:
    """The feature table of n covers, with the text that blocks have read.

    Args:
        rows: block -> its rows.
        extractors: the blocks, in the table's order.
        index: (n,) of the table.
    """
    blocks, notes, texts = {}, {}, {}
    for extractor in extractors:
        mine = rows[extractor.name]
        columns = list(extractor.columns)
        blocks[extractor.name] = pd.DataFrame(mine.values, index=index, columns=columns, copy=False)
        if mine.notes is not None:
            notes[extractor.name] = pd.Series(mine.notes, index=index, dtype=object)
            if isinstance(extractor, TextReader):
                read = [extractor.text_of(note) for note in mine.notes]
                texts[extractor.name] = pd.Series(read, index=index, dtype=object)
    return FeatureTable(blocks, notes, texts)


def compute(extractor: Extractor, images: Sequence[Image]) -> tuple[Rows, dict[int, str]]:
    """One block of some pictures; a picture that the extractor cannot take does not spoil the others.

    Returns:
        The rows, and the reason for each position that failed.

    Raises:
        MachineError: no picture is at fault, but the machine: memory, a disk, a right, weights or a library.
        UserError: the extractor itself says what is wrong.
    """
    try:
        return _call(extractor, images), {}
    except Exception as error:  # noqa: BLE001 - an extractor may raise anything: find the picture that did it
        stop_at_machine_fault(error, block_named(extractor.name))
        if len(images) == 1:
            width = len(extractor.columns)
            empty = Rows(np.full((1, width), np.nan, np.float32), ["null"])
            return empty, {0: f"{type(error).__name__}: {error}"}
    parts = [compute(extractor, [image]) for image in images]
    values = np.concatenate([rows.values for rows, _ in parts])
    notes = [note for rows, _ in parts for note in rows.notes or []]
    reasons = {position: reason[0] for position, (_, reason) in enumerate(parts) if reason}
    return Rows(values, notes if isinstance(extractor, Annotator) else None), reasons


def decoded_ahead(
    places: Iterable[tuple[str, str]], chunk: int = COVERS_PER_CHUNK
) -> Iterator[list[tuple[str, str, Image | PictureError]]]:
    """Reads and decodes in worker threads, a few chunks ahead of the caller; memory stays bounded.

    Args:
        places: (cover_id, path) pairs; an empty cover_id is filled in from the bytes.
        chunk: covers a list.

    Yields:
        Lists of (cover_id, path, picture or the reason why there is none), in order.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting: list[list[Future[tuple[str, str, Image | PictureError]]]] = []
        for batch in _batched(places, chunk):
            waiting.append(
                [pool.submit(read_decoded, cover_id, path, read_bytes) for cover_id, path in batch]
            )
            if len(waiting) > CHUNKS_AHEAD:
                yield [future.result() for future in waiting.pop(0)]
                trim_heaps()
        while waiting:
            yield [future.result() for future in waiting.pop(0)]
            trim_heaps()


def _batched(items: Iterable[tuple[str, str]], size: int) -> Iterator[tuple[tuple[str, str], ...]]:
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch


def _once(places: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return iter({cover_id: (cover_id, path) for cover_id, path in places}.values())


def read_decoded(
    cover_id: str, path: str, read: Callable[[str], bytes]
) -> tuple[str, str, Image | PictureError]:
    """One picture as `decoded_ahead` yields it; `read` gives the bytes of a path."""
    try:
        with room_for(path):
            content = read(path)
            digest = hashlib.sha256(content).hexdigest()
            if cover_id and digest != cover_id:
                return cover_id, path, PictureError("the file changed after the collection was read")
            return digest, path, decode(content)
    except PictureError as error:
        return cover_id, path, error
    except OSError as error:
        stop_where_nothing_can_be_read(error, path)
        return cover_id, path, PictureError(f"cannot be read: {error.strerror or error}")


def _extract_block(
    extractor: Extractor,
    fingerprint: str,
    pictures: Mapping[str, tuple[str, Image]],
    store: Store,
    progress: Progress | None,
) -> list[Failure]:
    if not pictures:
        return []
    started = time.perf_counter()
    ids = list(pictures)
    rows, reasons = compute(extractor, [image for _, image in pictures.values()])
    good = [n for n in range(len(ids)) if n not in reasons]
    notes = [rows.notes[n] for n in good] if rows.notes is not None else None
    store.write(fingerprint, extractor.columns, [ids[n] for n in good], rows.values[good], notes)
    if progress:
        progress(extractor.name, len(ids), time.perf_counter() - started)
    return [Failure(ids[n], pictures[ids[n]][0], extractor.name, reason) for n, reason in reasons.items()]


def _call(extractor: Extractor, images: Sequence[Image]) -> Rows:
    if isinstance(extractor, Annotator):
        values, notes = extractor.annotate(images)
    else:
        values, notes = extractor(images), None
    expected = (len(images), len(extractor.columns))
    if values.shape != expected:
        raise ValueError(f"gave {values.shape} values where {expected} were due")
    return Rows(values if values.dtype == object else np.asarray(values, dtype=np.float32), notes)
