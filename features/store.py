"""The content-addressed store: what one extractor made of one cover, kept on disk and never made twice.

Layout: `<root>/<fingerprint>/<shard>.parquet`, each with the columns `cover_id` (string), `row` (a
fixed-size list of float32) and `note` (string or null); `block.json` names the block's columns. A shard
appears whole or not at all, so a killed run leaves only whole shards behind.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from coverfusion.data.cache_folder import cache_folder
from coverfusion.data.errors import UserError

ROWS_PER_SHARD = 8192  # small shards are merged up to this many rows
MAX_SMALL_SHARDS = 64  # merge once this many small shards lie there
MAX_BYTES_IN_MEMORY = 512 * 2**20  # larger results live in a memory-mapped file


def default_root() -> Path:
    """`$COVERFUSION_STORE`, or `coverfusion/store` in the user's cache folder."""
    return cache_folder("COVERFUSION_STORE", "store")


class Store:
    """Rows under the key (cover_id, fingerprint).

    Args:
        root: the folder; made at the first write.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self._index: dict[str, dict[bytes, tuple[str, int]]] = {}

    def missing(self, fingerprint: str, cover_ids: Sequence[str]) -> list[str]:
        """The ids among `cover_ids` that have no row yet, in order, each once."""
        known = self._known(fingerprint)
        return [i for i in dict.fromkeys(cover_ids) if bytes.fromhex(i) not in known]

    def write(
        self,
        fingerprint: str,
        columns: Sequence[str],
        cover_ids: Sequence[str],
        rows: np.ndarray,
        notes: Sequence[str] | None = None,
    ) -> None:
        """Adds one shard, on disk when this returns.

        Args:
            fingerprint: whose rows these are.
            columns: the d column names of the block.
            cover_ids: n sha256 digests in hex.
            rows: (n, d) float32.
            notes: n readable texts, or None.

        Raises:
            UserError: the disk is full or the folder cannot be written to; what was stored before is kept.
        """
        if not len(cover_ids):
            return
        folder = self.root / fingerprint
        with _explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / "block.json").exists():
                _write_atomically(folder / "block.json", json.dumps({"columns": list(columns)}).encode())
            table = _shard(cover_ids, rows, notes)
            name = f"{uuid.uuid4().hex}.parquet"
            _write_atomically(folder / name, _parquet_bytes(table))
        self._remember(fingerprint, name, table.column("cover_id").to_pylist())
        if sum(1 for _ in folder.glob("*.parquet")) >= MAX_SMALL_SHARDS:
            self.merge(fingerprint)

    def read(
        self, fingerprint: str, cover_ids: Sequence[str], width: int
    ) -> tuple[np.ndarray, list[str | None]]:
        """The rows of these covers.

        Returns:
            (n, width) float32, all-NaN where there is no row, and n notes. A result over 512 MiB is
            memory-mapped from a temporary file in the store.
        """
        try:
            return self._read(fingerprint, cover_ids, width)
        except FileNotFoundError:  # another process merged shards meanwhile
            self._index.pop(fingerprint, None)
            return self._read(fingerprint, cover_ids, width)

    def merge(self, fingerprint: str) -> None:
        """Merges small shards into one; a kill in the middle leaves doubles, which do no harm."""
        folder = self.root / fingerprint
        small = [p for p in sorted(folder.glob("*.parquet")) if pq.read_metadata(p).num_rows < ROWS_PER_SHARD]
        if len(small) < 2:
            return
        merged = pa.concat_tables([pq.read_table(p) for p in small])
        with _explained(folder):
            for start in range(0, merged.num_rows, ROWS_PER_SHARD):
                part = merged.slice(start, ROWS_PER_SHARD)
                _write_atomically(folder / f"{uuid.uuid4().hex}.parquet", _parquet_bytes(part))
        for path in small:
            path.unlink(missing_ok=True)
        self._index.pop(fingerprint, None)

    def _read(
        self, fingerprint: str, cover_ids: Sequence[str], width: int
    ) -> tuple[np.ndarray, list[str | None]]:
        known = self._known(fingerprint)
        rows = self._space(len(cover_ids), width)
        notes: list[str | None] = [None] * len(cover_ids)
        wanted: dict[str, list[tuple[int, int]]] = {}
        for position, cover_id in enumerate(cover_ids):
            place = known.get(bytes.fromhex(cover_id))
            if place is not None:
                wanted.setdefault(place[0], []).append((position, place[1]))
        for name, pairs in wanted.items():
            table = pq.read_table(self.root / fingerprint / name, columns=["row", "note"])
            to, source = (list(column) for column in zip(*pairs, strict=True))
            values = table.column("row").combine_chunks().flatten().to_numpy().reshape(table.num_rows, width)
            rows[to] = values[source]
            kept = table.column("note")
            for position, row in pairs:
                notes[position] = kept[row].as_py()
        return rows, notes

    def _space(self, count: int, width: int) -> np.ndarray:
        if count * width * 4 <= MAX_BYTES_IN_MEMORY:
            return np.full((count, width), np.nan, dtype=np.float32)
        with tempfile.TemporaryFile(dir=self.root) as file:  # the mapping outlives the closed file
            space = np.memmap(file, dtype=np.float32, shape=(count, width), mode="w+")
        space[:] = np.nan
        return space

    def _known(self, fingerprint: str) -> dict[bytes, tuple[str, int]]:
        if fingerprint not in self._index:
            self._index[fingerprint] = {}
            for path in sorted((self.root / fingerprint).glob("*.parquet")):
                self._remember(fingerprint, path.name, _ids_of(path))
        return self._index[fingerprint]

    def _remember(self, fingerprint: str, name: str, cover_ids: Sequence[str]) -> None:
        index = self._known(fingerprint)
        index.update({bytes.fromhex(i): (name, row) for row, i in enumerate(cover_ids)})


def _shard(cover_ids: Sequence[str], rows: np.ndarray, notes: Sequence[str] | None) -> pa.Table:
    values = np.ascontiguousarray(rows, dtype=np.float32)
    if values.shape[0] != len(cover_ids) or values.ndim != 2:
        raise ValueError(f"{len(cover_ids)} covers but rows of shape {values.shape}")
    cells = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    texts = pa.array(notes if notes is not None else [None] * len(cover_ids), pa.string())
    return pa.table({"cover_id": pa.array(cover_ids, pa.string()), "row": cells, "note": texts})


def _ids_of(path: Path) -> list[str]:
    """The ids in a shard; a damaged shard is set aside, so that its covers are computed again."""
    try:
        return pq.read_table(path, columns=["cover_id"]).column("cover_id").to_pylist()
    except FileNotFoundError:  # merged away by another process
        return []
    except pa.ArrowException as error:
        warnings.warn(f"{path} is damaged and set aside as .broken: {error}", stacklevel=2)
        path.rename(path.with_suffix(".broken"))
        return []


def _parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, use_dictionary=False, compression="lz4")
    return sink.getvalue().to_pybytes()


def _write_atomically(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turns a full disk or a read-only folder into a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why, do = (
                "the disk is full",
                "Free some space and run the same command again: it goes on from here",
            )
        else:
            why, do = (
                str(error.strerror or error),
                "Name another folder with --store, or mend its permissions",
            )
        raise UserError(
            f"Cannot write to the store {folder}: {why}. What was computed before is kept. {do}."
        ) from error
