"""Where an index gets its rows from: a run's features, or a table folder that is read piece by piece."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import has_sets
from coverfusion.data.json_files import PlainName, read_json
from coverfusion.experiments.pipeline.preparation import describe_extractor
from coverfusion.experiments.pipeline.provenance import write_json
from coverfusion.experiments.pipeline.reopen import is_table, reopen
from coverfusion.features.registry import Extractor
from coverfusion.features.sides import fronts_of
from coverfusion.features.table import Made, table_blocks

COVERS_A_PIECE = 8192  # covers a piece
EXTRACTORS_FILE = "extractors.json"  # in a table folder


@dataclass(frozen=True)
class IndexSource:
    """Covers, and their blocks piece by piece.

    Attributes:
        covers: frame (n rows) with `cover_id` (each once), `path`, `genre`, `group`.
        columns: block -> its columns, without prefix.
        extractors: block -> {"fingerprint": ..., "preset": ..., "parameters": ...}.
        chunks: begins anew at each call: (m, d) float32 pieces in the order of `covers` and `columns`.
        several: whether a cover may have several genres, joined in `genre`.
    """

    covers: pd.DataFrame
    columns: dict[str, list[str]]
    extractors: dict[str, Made]
    chunks: Callable[[], Iterator[np.ndarray]]
    several: bool = False

    @property
    def names(self) -> list[str]:
        """D names `block.column`."""
        return [f"{block}.{column}" for block, columns in self.columns.items() for column in columns]


def note_extractors(folder: Path, extractors: Iterable[Extractor]) -> None:
    """Writes into a table folder which extractors made it, so that new pictures can be made alike."""
    write_json(folder / EXTRACTORS_FILE, {e.name: describe_extractor(e) for e in extractors})


def open_index_source(folder: str | os.PathLike[str], blocks: Sequence[str] | None = None) -> IndexSource:
    """Opens a run folder of `coverfusion train` or a table folder of `coverfusion extract`.

    Args:
        folder: the run or table folder.
        blocks: only these; None: all.

    Raises:
        UserError: neither kind of folder, an unknown block, a table that does not say how it was made, or
            (while it is read) one whose files are not of the same covers.
    """
    folder = Path(folder)
    return _open_table(folder, blocks) if is_table(folder) else _open_run(folder, blocks)


def _open_run(folder: Path, blocks: Sequence[str] | None) -> IndexSource:
    prepared = reopen(folder)
    fronts = fronts_of(prepared.table)
    table = fronts.select(blocks) if blocks else fronts

    def chunks() -> Iterator[np.ndarray]:
        for start in range(0, len(table.index), COVERS_A_PIECE):
            parts = [
                frame.iloc[start : start + COVERS_A_PIECE].to_numpy(np.float32)
                for frame in table.blocks.values()
            ]
            yield np.concatenate(parts, axis=1)

    return IndexSource(
        covers=prepared.covers[["cover_id", "path", "genre", "group"]].reset_index(drop=True),
        columns={name: list(frame.columns) for name, frame in table.blocks.items()},
        extractors={e.name: describe_extractor(e) for e in prepared.extractors if e.name in table.blocks},
        chunks=chunks,
        several=has_sets(prepared.covers),
    )


def _open_table(folder: Path, blocks: Sequence[str] | None) -> IndexSource:
    for name in ("covers.parquet", EXTRACTORS_FILE):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} has no {name}, so it does not say how its covers were made into numbers. Make it "
                f"again with `coverfusion extract`."
            )
    chosen = table_blocks(folder, blocks or None, ("covers.parquet", EXTRACTORS_FILE))
    covers = pd.read_parquet(folder / "covers.parquet")[["cover_id", "path", "genre", "group"]]
    covers = covers.reset_index(drop=True)
    made = read_json(folder / EXTRACTORS_FILE, dict[PlainName, Made])
    if unknown := [name for name in chosen if name not in made]:
        raise UserError(
            f"{folder / EXTRACTORS_FILE} does not say how {', '.join(unknown)} was made. Extract again."
        )
    columns = {
        name: [c for c in pq.read_schema(folder / f"{name}.parquet").names if c != "cover_id"]
        for name in chosen
    }
    ids = covers["cover_id"].to_numpy()

    def chunks() -> Iterator[np.ndarray]:
        files = [pq.ParquetFile(folder / f"{name}.parquet", memory_map=True) for name in chosen]
        start = 0
        for batches in zip(*(file.iter_batches(COVERS_A_PIECE) for file in files), strict=True):
            expected = ids[start : start + batches[0].num_rows]
            for name, batch in zip(chosen, batches, strict=True):
                if batch.column("cover_id").to_pylist() != list(expected):
                    raise UserError(
                        f"{folder}: {name}.parquet and covers.parquet are not of the same covers. "
                        f"Extract again."
                    )
            start += batches[0].num_rows
            yield np.concatenate(
                [_numbers(batch, columns[n]) for n, batch in zip(chosen, batches, strict=True)], axis=1
            )
        if start != len(ids):
            raise UserError(f"{folder}: its blocks end before covers.parquet does. Extract again.")

    doubled = covers["cover_id"].duplicated(keep=False)  # one cover under several genres is several rows
    named = covers["cover_id"].where(~doubled, covers["cover_id"] + ":" + covers["genre"])
    return IndexSource(covers.assign(cover_id=named), columns, {name: made[name] for name in chosen}, chunks)


def _numbers(batch: pa.RecordBatch, columns: Sequence[str]) -> np.ndarray:
    """(rows, columns) float32, NaN where the parquet has nothing."""
    out = np.empty((batch.num_rows, len(columns)), np.float32)
    for position, column in enumerate(columns):
        out[:, position] = batch.column(column).to_numpy(zero_copy_only=False)
    return out
