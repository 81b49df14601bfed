"""`coverfusion index`: an index over any blocks of a collection that finds alike covers, exact or not.

    index.json          blocks, extractors, kind, recall, sizes, seconds, sha256 of every other file below
    index.faiss         the scaled rows
    words.faiss         CLIP's image embeddings (where `clip` is a block), which words are compared with
    state.skops         how rows are scaled
    covers.parquet      cover_id, genre, path, group, thumbnail, in the order of the index
    environment.json    versions, machine and command

The formats run no code from the folder. Memory holds the index, 20,000 raw covers and one piece of a table at
a time; the scaled rows lie in a file meanwhile. A run folder's table is read as a whole, as by `train`.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import TypedDict

from coverfusion.data.checksums import sha256_of
from coverfusion.data.disk import allocate
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.json_files import PlainName, read_json
from coverfusion.data.outputs import OUTPUT_MARK, make_output_folder
from coverfusion.data.parquet_bytes import parquet_bytes, read_parquet_bytes
from coverfusion.data.pictures import PictureError
from coverfusion.data.sealed_files import read_sealed, write_sealed
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.drawing.thumbnails import thumbnail
from coverfusion.experiments.pipeline.outputs import check_folder, one_writer
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.pipeline.provenance import digest, environment, write_json
from coverfusion.experiments.retrieval.source import COVERS_A_PIECE, IndexSource, open_index_source
from coverfusion.features.table import Made
from coverfusion.fusion.blocks import BlockScaler, columns_by_block
from coverfusion.fusion.listed_files import check_digests
from coverfusion.fusion.similarity.index_kinds import (
    INDEX_KINDS,
    MIN_APPROXIMATE_ROWS,
    Built,
    build,
    choose,
    training_rows,
)
from coverfusion.fusion.similarity.training_index import (
    INDEX_COMPONENTS,
    TOGETHER,
    TrainingIndex,
    add_words,
    words_index,
)

INDEX_FORMAT = 1
INDEX_FILE = "index.json"
EVALUATION_FILES = ("retrieval.csv", "retrieval.svg")  # beside the index where `--evaluate` was asked for
MAX_SCALING_COVERS = 20_000  # covers that scaling and PCA are learnt from
MAX_RECALL_QUERIES = 1_000  # held-out covers that the recall is measured on, and at most a tenth of all
THUMBNAILS_A_PART = 10_000  # thumbnails a part, which a stopped run need not make again


class _Format(TypedDict):
    format: int


class File(TypedDict):
    """One file of an index."""

    bytes: int
    sha256: str


class Facts(TypedDict):
    """What `index.json` says, as far as it is used."""

    format: int
    covers: int
    kind: str
    recipe: str
    effort: dict[str, int]
    recall_at_10: float
    recall_queries: int
    seconds: dict[str, float]
    blocks: dict[PlainName, list[str]]
    extractors: dict[PlainName, Made]
    files: dict[str, File]


@dataclass(frozen=True)
class CoverIndex:
    """A loaded index folder.

    Attributes:
        neighbours: the index itself.
        extractors: block -> {"fingerprint": ..., "preset": ..., "parameters": ...}.
        facts: what `index.json` says.
    """

    neighbours: TrainingIndex
    extractors: dict[str, Made]
    facts: Facts


def write_index_folder(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    blocks: Sequence[str] | None = None,
    kind: str = "auto",
    seed: int = 0,
) -> Path:
    """Writes an index folder and returns it; an index that is there already is replaced, with its evaluation.

    A stopped run goes on with the thumbnails it has made.

    Args:
        folder: a run folder or a table folder.
        out: the folder to make; None: `runs/index-NAME`.
        blocks: only these; None: all.
        kind: "flat", "ivf", "hnsw", or "auto": by the number of covers.
        seed: of samples and of IVF's k-means.

    Raises:
        UserError: as `open_index_source`; an unknown kind, too few covers for it, or `out` holds something
            else.
    """
    if kind not in ("auto", *INDEX_KINDS):
        raise UserError(f"--kind {kind}: no such kind of index.{did_you_mean(kind, ('auto', *INDEX_KINDS))}")
    folder = Path(folder)
    target = Path(out or Path("runs") / f"index-{folder.absolute().name}")
    check_folder(target)
    _check_replaceable(target)
    started, source = time.perf_counter(), open_index_source(folder, blocks)
    rows = sorted_rows(source, seed)
    chosen = _checked_kind(folder, rows, kind)
    # beside the folder, which is replaced
    with one_writer(target.absolute().with_name(f".{target.absolute().name}.lock"), target):
        _check_replaceable(target)
        _write_index(folder, target, source, rows, chosen, seed, started)
    return target


def _checked_kind(folder: Path, rows: Rows, kind: str) -> str:
    """The kind of index for so many covers. Raises UserError where they are too few for it."""
    if len(rows.order) < 3:
        raise UserError(f"An index needs 3 covers with features; {folder} has {len(rows.order)}.")
    chosen = choose(len(rows.order)) if kind == "auto" else kind
    if chosen != "flat" and len(rows.order) < MIN_APPROXIMATE_ROWS:
        raise UserError(
            f"--kind {kind} needs {MIN_APPROXIMATE_ROWS} covers; {folder} has {len(rows.order)}. "
            "Use --kind flat."
        )
    return chosen


def _write_index(
    folder: Path, target: Path, source: IndexSource, rows: Rows, chosen: str, seed: int, started: float
) -> None:
    partial = target.with_name(f"{target.name}.partial")
    _start(partial, source, seed)
    scaler = BlockScaler(INDEX_COMPONENTS).fit(rows.sample, columns_by_block(source.names))
    words = words_index(source.names)
    _scale(source, rows, scaler, words, partial / "rows.npy")
    built = _build(np.load(partial / "rows.npy", mmap_mode="r"), rows.queries, chosen, seed)
    covers = source.covers.iloc[rows.order].reset_index(drop=True)
    TrainingIndex.of(source.names, scaler, built.index, words, covers).save_parts(partial)
    _write_covers(covers, partial)
    (partial / "rows.npy").unlink()
    (partial / "settings.json").unlink()
    write_json(partial / "environment.json", environment())
    write_json(partial / INDEX_FILE, _facts(folder, source, covers, built, partial, started))
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)


def load_index(folder: str | os.PathLike[str]) -> CoverIndex:
    """Checks every byte of an index folder, then reads it.

    Raises:
        UserError: a file is missing, was changed, or is a link or no plain file, or the folder is of another
            version.
    """
    folder = Path(folder)
    facts = load_facts(folder)
    listed = {name: file["sha256"] for name, file in facts["files"].items()}
    check_digests(folder, listed, "Make the index again.")
    return CoverIndex(TrainingIndex.load(folder), facts["extractors"], facts)


def load_facts(folder: str | os.PathLike[str]) -> Facts:
    """What `index.json` says; raises UserError where it is broken or the folder is of another version."""
    path = Path(folder, INDEX_FILE)
    written = read_json(path, _Format)["format"]
    if written != INDEX_FORMAT:
        raise UserError(
            f"{folder} has index format {written}; this version reads {INDEX_FORMAT}. Index again."
        )
    facts: Facts = read_json(path, Facts)
    return facts


@dataclass(frozen=True)
class Rows:
    """Which covers go where.

    Attributes:
        order: (n,) rows of the source in the order of the index: covers without any feature are left out,
            the held-out queries come last.
        queries: how many of them are held out.
        sample: (m, d) float32 raw rows that scaling is learnt from.
    """

    order: np.ndarray
    queries: int
    sample: np.ndarray


def sorted_rows(source: IndexSource, seed: int) -> Rows:
    """Reads all pieces once: which covers have features, and a random sample of them."""
    total = len(source.covers)
    shuffled = np.random.default_rng(seed).permutation(total)
    queries = max(2, min(MAX_RECALL_QUERIES, total // 10))
    wanted = np.zeros(total, dtype=bool)
    wanted[shuffled[queries : queries + MAX_SCALING_COVERS]] = True
    there, sample = np.zeros(total, dtype=bool), []
    for start, chunk in _counted(source.chunks(), total, "reading features"):
        here = slice(start, start + len(chunk))
        there[here] = ~np.isnan(chunk).all(axis=1)
        sample.append(chunk[wanted[here] & there[here]])
    usable = shuffled[there[shuffled]]
    last, rest = np.sort(usable[:queries]), np.sort(usable[queries:])
    return Rows(np.concatenate([rest, last]), len(last), np.concatenate(sample))


def _scale(source: IndexSource, rows: Rows, scaler: BlockScaler, words: Any, path: Path) -> None:
    """Writes the scaled rows in the order of the index, and fills the index of CLIP's embeddings."""
    place = np.full(len(source.covers), -1)
    place[rows.order] = np.arange(len(rows.order))
    width = scaler.transform(rows.sample[:1]).shape[1]
    scaled = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(len(rows.order), width))
    allocate(path, path.stat().st_size)
    for start, chunk in _counted(source.chunks(), len(place), "scaling"):
        where = place[start : start + len(chunk)]
        chunk, where = chunk[where >= 0], where[where >= 0]
        scaled[where] = scaler.transform(chunk)
        add_words(words, source.names, chunk, where)
    scaled.flush()


def _build(scaled: np.ndarray, queries: int, kind: str, seed: int) -> Built:
    known = len(scaled) - queries
    learn = np.random.default_rng(seed).permutation(known)[: training_rows(kind, len(scaled))]

    with counted("indexing", len(scaled)) as bar:

        def chunks() -> Iterator[np.ndarray]:
            for start in range(0, known, COVERS_A_PIECE):
                yield (piece := scaled[start : min(start + COVERS_A_PIECE, known)])
                bar.advance(bar.task_ids[0], len(piece))

        built = build(chunks(), scaled[np.sort(learn)], scaled[known:], len(scaled), kind, seed=seed)
        bar.advance(bar.task_ids[0], queries)
    return built


def _check_replaceable(target: Path) -> None:
    """Raises UserError where a folder holds a file that `index` has not made."""
    if not target.exists():
        return
    if not target.is_dir():
        raise UserError(f"--out {target} is a file. Name a folder.")
    names = {path.name for path in target.iterdir()}
    strange = sorted(names - _own_files(target))
    if strange:
        raise UserError(
            f"--out {target} holds something that is not an index ({', '.join(strange[:3])}). Name another "
            f"folder or empty it."
        )


def _own_files(target: Path) -> set[str]:
    """What `index` may have written there; nothing where index.json is of something else."""
    try:
        facts = json.loads((target / INDEX_FILE).read_text(encoding="utf-8"))
        return (
            {INDEX_FILE, OUTPUT_MARK, *facts["files"], *EVALUATION_FILES}
            if "recall_at_10" in facts
            else set()
        )
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def _start(partial: Path, source: IndexSource, seed: int) -> None:
    """Makes the folder of work in progress; what an earlier run with other covers left there is removed."""
    facts = {"covers": digest(source.covers.to_dict("list")), "blocks": source.columns, "seed": seed}
    note = partial / "settings.json"
    if not note.is_file() and partial.exists() and any(partial.iterdir()):
        raise UserError(f"{partial}, where the index is made, holds something else. Move it away.")
    if note.is_file() and json.loads(note.read_text(encoding="utf-8")) == facts:
        return
    shutil.rmtree(partial, ignore_errors=True)
    make_output_folder(partial)
    write_json(note, facts)


def first_cover(folder: Path) -> str:
    """The path of the first cover of an index."""
    return str(pd.read_parquet(folder / "covers.parquet", columns=["path"])["path"].iloc[0])


def _write_covers(covers: pd.DataFrame, partial: Path) -> None:
    """Writes `covers.parquet` with thumbnails, by way of parts that a stopped run has not to make again."""
    parts, writer = partial / "parts", None
    with counted("thumbnails", len(covers)) as bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(covers), THUMBNAILS_A_PART):
            part = covers.iloc[start : start + THUMBNAILS_A_PART]
            table = _part(parts / f"{start:09}", part, pool)
            writer = writer or pq.ParquetWriter(partial / "covers.parquet", table.schema)
            writer.write_table(table, row_group_size=TOGETHER)
            bar.advance(bar.task_ids[0], len(part))
    if writer is not None:
        writer.close()
    shutil.rmtree(parts)


def _part(path: Path, covers: pd.DataFrame, pool: ThreadPoolExecutor) -> pa.Table:
    """The rows of these covers with their thumbnails, as `path` has them, or made and kept there."""
    content = read_sealed(path)
    if content is None:
        made = list(pool.map(_thumbnail, covers["path"]))
        table = pa.Table.from_pandas(covers, preserve_index=False)
        table = table.append_column("thumbnail", pa.array(made, pa.binary()))
        content = parquet_bytes(table)
        write_sealed(path, content)
    return read_parquet_bytes(content)


def _thumbnail(path: str) -> bytes | None:
    """A small picture; None where the file is gone or broken since."""
    try:
        return thumbnail(read_bytes(path))
    except PictureError:
        return None


def _facts(
    folder: Path, source: IndexSource, covers: pd.DataFrame, built: Built, partial: Path, started: float
) -> dict[str, Any]:
    files = [
        path
        for path in sorted(partial.iterdir())
        if path.is_file() and path.name not in (INDEX_FILE, OUTPUT_MARK)
    ]
    return {
        "format": INDEX_FORMAT,
        "source": str(folder.absolute()),
        "covers": len(covers),
        "left_out": len(source.covers) - len(covers),
        "genres": covers["genre"].value_counts().to_dict(),
        "width": built.index.d,
        "kind": built.kind,
        "recipe": built.recipe,
        "effort": built.effort,
        "recall_at_10": built.recall,
        "recall_queries": built.queries,
        "seconds": built.seconds | {"all": time.perf_counter() - started},
        "blocks": source.columns,
        "extractors": source.extractors,
        "files": {p.name: {"bytes": p.stat().st_size, "sha256": sha256_of(p)} for p in files},
    }


def _counted(items: Iterator[np.ndarray], total: int, what: str) -> Iterator[tuple[int, np.ndarray]]:
    """Each piece with the number of the first row in it, under a progress bar."""
    with counted(what, total) as bar:
        start = 0
        for item in items:
            yield start, item
            start += len(item)
            bar.advance(bar.task_ids[0], len(item))
