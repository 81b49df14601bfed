"""What a map is made of: covers and their blocks, every block counting the same; genres play no part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.seeds import draws
from coverfusion.experiments.pipeline.reopen import is_table, reopen
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.features.table import table_blocks
from coverfusion.fusion.blocks import BlockScaler, columns_by_block

MAP_COMPONENTS = 64  # components kept of wider blocks
COVERS_SCALED_AT_ONCE = 8192  # covers scaled at a time


@dataclass(frozen=True)
class MapSource:
    """Covers and where their blocks come from.

    Attributes:
        covers: frame (n rows) with `cover_id`, `path`, `genre`, `group`.
        blocks: names of the blocks in use.
        load: block name -> (n, d) float32 frame, rows as in `covers`.
        predicted: n genres that the run's chosen model gave held-out covers, None for others; None where the
            source is no run.
    """

    covers: pd.DataFrame
    blocks: list[str]
    load: Callable[[str], pd.DataFrame]
    predicted: pd.Series | None = None


@dataclass(frozen=True)
class Features:
    """Numbers of all covers, and the raw numbers of those that are probed.

    Attributes:
        scaled: (n, width) float32 without NaN; the mean squared distance of two covers is 2 a block.
        raw: (covers probed, d) float32 with NaN.
        columns: d names `block.column`.
    """

    scaled: np.ndarray
    raw: np.ndarray
    columns: list[str]


def open_map_source(folder: str | os.PathLike[str], blocks: Sequence[str] | None = None) -> MapSource:
    """Opens a run folder of `coverfusion train` or a table folder of `coverfusion extract`.

    Of a table folder one block is read at a time, when it is asked for.

    Args:
        folder: the run or table folder.
        blocks: only these; None: all.

    Raises:
        UserError: neither kind of folder, an unknown block, or covers and table do not belong together.
    """
    folder = Path(folder)
    if is_table(folder):
        return _open_table(folder, blocks)
    prepared = reopen(folder)
    table = prepared.table.select(blocks) if blocks else prepared.table
    predicted = read_run(folder).predictions()["predicted"].reindex(prepared.covers["cover_id"])
    return MapSource(prepared.covers, list(table.blocks), table.blocks.__getitem__, predicted)


def _open_table(folder: Path, blocks: Sequence[str] | None) -> MapSource:
    listed = folder / "covers.parquet"
    if not listed.is_file():
        raise UserError(f"{folder} has no covers.parquet, so no genres. Make it with `coverfusion extract`.")
    chosen = table_blocks(folder, blocks or None, ["covers.parquet"])
    covers = pd.read_parquet(listed).reset_index(drop=True)

    def load(name: str) -> pd.DataFrame:
        frame = pd.read_parquet(folder / f"{name}.parquet")
        if frame.index.tolist() != covers["cover_id"].tolist():
            raise UserError(
                f"{folder}: {name}.parquet and covers.parquet are not of the same covers. Extract again."
            )
        return frame

    return MapSource(covers, chosen, load)


def sample_rows(cover_ids: Iterable[str], most: int, seed: int) -> np.ndarray:
    """Sorted rows of a random sample of at most `most` of n covers, by who they are, whatever their genre."""
    return np.sort(np.argsort(draws(cover_ids, seed, "map"), kind="stable")[:most])


def scale_blocks(source: MapSource, sample: np.ndarray, probed: np.ndarray) -> Features:
    """Scales each block as learnt from a sample; wide ones are reduced by PCA.

    One block is held at a time. The parts of a block (`ocr`, `ocr.embedding`) share its weight.

    Args:
        source: the covers and their blocks.
        sample: rows that scaling and PCA are learnt from.
        probed: rows whose raw numbers are wanted.
    """
    scaled, raw, columns = [], [], []
    for name in source.blocks:
        frame = source.load(name)
        named = [f"{name}.{column}" for column in frame.columns]
        parts = columns_by_block(named)
        scaler = BlockScaler(MAP_COMPONENTS).fit(_rows(frame, sample), parts)
        chunks = [
            scaler.transform(_rows(frame, np.arange(start, min(start + COVERS_SCALED_AT_ONCE, len(frame)))))
            for start in range(0, len(frame), COVERS_SCALED_AT_ONCE)
        ]
        scaled.append(np.concatenate(chunks) / np.float32(np.sqrt(len(parts))))
        raw.append(_rows(frame, probed))
        columns += named
        del frame
    return Features(np.concatenate(scaled, axis=1), np.concatenate(raw, axis=1), columns)


def _rows(frame: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    return frame.iloc[rows].to_numpy(np.float32)
