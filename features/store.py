"""The content-addressed store: what one extractor made of one cover, kept on disk and never made twice.

Layout: `<root>/<fingerprint>/<sha256 of the shard>.parquet`, each with the columns `cover_id` (string),
`row` (a fixed-size list of float32) and `note` (string or null); `block.json` names the block's columns.

A shard appears whole or not at all, so a killed run leaves only whole shards behind. Its name is its digest:
one that does not match is set aside, and its covers are computed again. Any number of processes may read,
write and merge at the same time.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout

from coverfusion.data.cache_folder import cache_folder
from coverfusion.data.checksums import sha256_of
from coverfusion.data.disk import allocate, writing
from coverfusion.data.errors import UserError
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.parquet_bytes import parquet_bytes, read_parquet_bytes
from coverfusion.data.plurals import how_many
from coverfusion.data.sealed_files import set_aside, write_whole

ROWS_PER_SHARD = 8192  # small shards are merged up to this many rows
MAX_SMALL_SHARDS = 64  # merge once this many small shards lie there
MAX_BYTES_IN_MEMORY = 512 * 2**20  # larger results live in a memory-mapped file
DIGEST_LETTERS = 64  # of a shard's name; those of earlier versions are shorter

Place = tuple[str, int]  # shard, row in it


def default_root() -> Path:
    """`$COVERFUSION_STORE`, or `coverfusion/store` in the user's cache folder."""
    return cache_folder("COVERFUSION_STORE", "store")


@dataclass
class _Seen:
    """What a look at one fingerprint's folder has found: shard -> its rows, cover -> where its row is."""

    shards: dict[str, int] = field(default_factory=dict)
    places: dict[bytes, Place] = field(default_factory=dict)

    def add(self, name: str, cover_ids: Sequence[str]) -> None:
        self.shards[name] = len(cover_ids)
        self.places.update({bytes.fromhex(i): (name, row) for row, i in enumerate(cover_ids)})

    def drop(self, name: str) -> None:
        """Remembers a shard as one without rows."""
        self.shards[name] = 0
        self.places = {i: place for i, place in self.places.items() if place[0] != name}

    def keep(self, names: set[str]) -> None:
        """Forgets the shards that are not among `names`."""
        if self.shards.keys() <= names:
            return
        self.shards = {name: rows for name, rows in self.shards.items() if name in names}
        self.places = {i: place for i, place in self.places.items() if place[0] in names}


class Store:
    """Rows under the key (cover_id, fingerprint).

    Args:
        root: the folder; made at the first write.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self._seen: dict[str, _Seen] = {}

    def missing(self, fingerprint: str, cover_ids: Sequence[str]) -> list[str]:
        """The ids among `cover_ids` that have no row now, in order, each once."""
        places = self._look(fingerprint).places
        return [i for i in dict.fromkeys(cover_ids) if bytes.fromhex(i) not in places]

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
        with writing(f"the store {folder}"):
            make_output_folder(self.root)  # among covers it is none
            folder.mkdir(exist_ok=True)
            if not (folder / "block.json").exists():
                write_whole(folder / "block.json", json.dumps({"columns": list(columns)}).encode())
            name = _write_shard(folder, _shard(cover_ids, rows, notes))
        seen = self._seen.setdefault(fingerprint, _Seen())
        seen.add(name, cover_ids)
        if len(_small(seen)) >= MAX_SMALL_SHARDS:
            self.merge(fingerprint)

    def read(
        self, fingerprint: str, cover_ids: Sequence[str], width: int
    ) -> tuple[np.ndarray, list[str | None]]:
        """The rows of these covers.

        Returns:
            (n, width) float32, all-NaN where there is no row, and n notes. A result over 512 MiB is
            memory-mapped from a temporary file in the store.

        Raises:
            UserError: a row that was there a moment ago is damaged; or the disk is full.
        """
        rows = self._space(len(cover_ids), width)
        notes: list[str | None] = [None] * len(cover_ids)
        ids = [bytes.fromhex(i) for i in cover_ids]
        places = self._look(fingerprint).places
        waiting = [position for position, i in enumerate(ids) if i in places]
        while waiting:
            waiting = self._fill(fingerprint, ids, waiting, rows, notes)
            places = self._look(fingerprint).places if waiting else places
            if lost := sum(ids[position] not in places for position in waiting):
                raise UserError(
                    f"{self.root / fingerprint}: {how_many(lost, 'row')} damaged just now. Run the same "
                    "command again: what is lost is computed anew."
                )
        return rows, notes

    def merge(self, fingerprint: str) -> None:
        """Merges small shards into large ones; a kill in the middle leaves doubles, which do no harm.

        Where another process merges them just now, nothing is done.

        Raises:
            UserError: the disk is full or the folder cannot be written to; the small shards are kept.
        """
        folder = self.root / fingerprint
        if len(_small(self._look(fingerprint))) < 2:
            return
        with writing(f"the store {folder}"):
            try:
                with FileLock(folder / ".merging", timeout=0):
                    _merge(folder, _small(self._look(fingerprint)))
            except Timeout:
                return

    def _look(self, fingerprint: str) -> _Seen:
        """What lies there now; only shards that were not seen before are read."""
        folder = self.root / fingerprint
        seen = self._seen.setdefault(fingerprint, _Seen())
        whole = False
        while not whole:
            names, whole = _listed(folder), True
            for name in sorted(names - seen.shards.keys()):
                table = _open(folder / name, ["cover_id"])
                if table is not None:
                    seen.add(name, table.column("cover_id").to_pylist())
                elif (folder / name).exists():  # damaged, in a folder that is only read
                    seen.drop(name)
                else:  # merged meanwhile, perhaps: its rows are in a shard that is not listed yet
                    whole = False
        seen.keep(names)
        return seen

    def _fill(
        self,
        fingerprint: str,
        ids: Sequence[bytes],
        waiting: Sequence[int],
        rows: np.ndarray,
        notes: list[str | None],
    ) -> list[int]:
        """Fills the rows of these positions; returns those whose shard is gone by now."""
        seen = self._seen[fingerprint]
        places = seen.places
        by_shard: dict[str, list[int]] = {}
        for position in waiting:
            by_shard.setdefault(places[ids[position]][0], []).append(position)
        left: list[int] = []
        for name, positions in by_shard.items():
            table = _open(self.root / fingerprint / name, ["row", "note"])
            if table is None:
                if (self.root / fingerprint / name).exists():  # damaged, in a folder that is only read
                    seen.drop(name)
                left += positions
                continue
            source = [places[ids[position]][1] for position in positions]
            values = table.column("row").combine_chunks().flatten().to_numpy()
            rows[positions] = values.reshape(table.num_rows, -1)[source]
            kept = table.column("note").combine_chunks().take(pa.array(source)).to_pylist()
            for position, note in zip(positions, kept, strict=True):
                notes[position] = note
        return left

    def _space(self, count: int, width: int) -> np.ndarray:
        if count * width * 4 <= MAX_BYTES_IN_MEMORY:
            return np.full((count, width), np.nan, dtype=np.float32)
        with (
            writing(f"the store {self.root}"),
            tempfile.TemporaryFile(dir=self.root) as file,  # the mapping outlives the closed file
        ):
            allocate(file.fileno(), count * width * 4)
            space = np.memmap(file, dtype=np.float32, shape=(count, width), mode="r+")
        space[:] = np.nan
        return space


def _shard(cover_ids: Sequence[str], rows: np.ndarray, notes: Sequence[str] | None) -> pa.Table:
    values = np.ascontiguousarray(rows, dtype=np.float32)
    if values.shape[0] != len(cover_ids) or values.ndim != 2:
        raise ValueError(f"{len(cover_ids)} covers but rows of shape {values.shape}")
    cells = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    texts = pa.array(notes if notes is not None else [None] * len(cover_ids), pa.string())
    return pa.table({"cover_id": pa.array(cover_ids, pa.string()), "row": cells, "note": texts})


def _write_shard(folder: Path, table: pa.Table) -> str:
    """Writes a shard under the digest of its bytes; its name."""
    content = parquet_bytes(table, use_dictionary=False, compression="lz4")
    name = f"{hashlib.sha256(content).hexdigest()}.parquet"
    write_whole(folder / name, content)
    return name


def _small(seen: _Seen) -> list[str]:
    return sorted(name for name, rows in seen.shards.items() if 0 < rows < ROWS_PER_SHARD)


def _listed(folder: Path) -> set[str]:
    """The shards that are there now, such that no row is left out.

    A merge writes its shard before it removes the old ones, and one listing may miss both. It cannot where
    nothing that the listing before had is gone.
    """
    before = {_named(path) for path in folder.glob("*.parquet")} - {""}
    while True:
        names = {path.name for path in folder.glob("*.parquet")}
        if before <= names:
            return names
        before = names


def _named(path: Path) -> str:
    """The name of a shard; one of an earlier version gets its digest for it, "" where it has gone."""
    if _has_digest(path):
        return path.name
    try:
        named = path.with_name(f"{sha256_of(path)}.parquet")
        path.rename(named)
    except FileNotFoundError:
        return ""
    except OSError:  # in a folder that is only read: it keeps its name, and has no digest
        return path.name
    return named.name


def _has_digest(path: Path) -> bool:
    return len(path.stem) == DIGEST_LETTERS


def _open(path: Path, columns: Sequence[str]) -> pa.Table | None:
    """Columns of a shard whose bytes are what its name says; None: it is gone, or damaged and set aside."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if _has_digest(path) and hashlib.sha256(content).hexdigest() != path.stem:
        set_aside(path, "its content is not that of its digest")
        return None
    try:
        # without a digest all of it is read, for what can be read is all that can be told of it
        table = read_parquet_bytes(content, columns if _has_digest(path) else None)
    except (pa.ArrowException, OSError) as error:
        set_aside(path, str(error))
        return None
    return table.select(columns)


def _merge(folder: Path, small: Sequence[str]) -> None:
    tables = {name: _open(folder / name, ["cover_id", "row", "note"]) for name in small}
    read = {name: table for name, table in tables.items() if table is not None}
    if len(read) < 2:
        return
    merged = pa.concat_tables(read.values())
    first = {i: row for row, i in reversed(list(enumerate(merged.column("cover_id").to_pylist())))}
    if len(first) < merged.num_rows:  # two processes computed the same covers
        merged = merged.take(pa.array(sorted(first.values())))
    written: set[str] = set()
    try:
        for start in range(0, merged.num_rows, ROWS_PER_SHARD):
            written.add(_write_shard(folder, merged.slice(start, ROWS_PER_SHARD)))
    except OSError:
        for name in written - read.keys():
            (folder / name).unlink()
        raise
    for name in read.keys() - written:
        (folder / name).unlink(missing_ok=True)
