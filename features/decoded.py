"""Decoded, resized covers in one memory-mapped file: each is decoded once, whatever is trained on it."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.disk import writing
from coverfusion.data.errors import UserNote
from coverfusion.data.locks import only_one
from coverfusion.data.pictures import PictureError
from coverfusion.features.extract import READING, Failure, decoded_ahead
from coverfusion.features.failure_limit import MAX_FAILED, FailureLimit
from coverfusion.features.pixels import Pixels

LISTING = "cells.txt"
LINE_BYTES = 130  # a cover's id, a blank, the digest of its cell, a line break


@dataclass(frozen=True)
class Decoded:
    """Covers in a cache of `decode_all`; small, so it can be sent to another process.

    Attributes:
        folder: of the cache.
        side: of each picture, in pixels.
        rows: cover_id -> its number in the file.
    """

    folder: Path
    side: int
    rows: dict[str, int]

    def column(self, cover_ids: Sequence[str]) -> pd.Series:
        """Cells of (side, side, 3) uint8 by cover_id, views of the file; None where there is no picture."""
        file = self.folder / "pixels.dat"
        shape = (file.stat().st_size // (self.side * self.side * 3), self.side, self.side, 3)
        pixels = np.memmap(file, np.uint8, "r", shape=shape) if shape[0] else np.empty(shape, np.uint8)
        cells = np.empty(len(cover_ids), dtype=object)
        for position, cover_id in enumerate(cover_ids):
            row = self.rows.get(cover_id.split(":")[0])
            cells[position] = None if row is None else np.asarray(pixels[row])
        return pd.Series(cells, index=pd.Index(cover_ids, name="cover_id"), dtype=object)


def decode_all(
    covers: pd.DataFrame,
    pixels: Pixels,
    root: str | os.PathLike[str],
    progress: Callable[[int], None] | None = None,
    max_failed: float = MAX_FAILED,
) -> tuple[Decoded, list[Failure]]:
    """Adds the covers that the cache lacks and opens it.

    The cache is `<root>/<fingerprint>/pixels.dat`, side x side x 3 bytes a cover, and `cells.txt`, a line a
    cover in the same order with its id and a digest. A line is written after its pixels, so a killed run
    leaves only whole covers. Of two processes one adds covers and the other waits, and then has them.

    Args:
        covers: frame with `cover_id` and `path`.
        pixels: how they are resized.
        root: the store's folder.
        progress: called with the number of covers newly done.
        max_failed: the share of covers that may fail.

    Returns:
        The cache, and the covers that cannot be decoded.

    Raises:
        UserError: the folder cannot be written to, or too many covers fail.
        MachineError: as `data.pictures.decode`.
    """
    folder = Path(root) / pixels.fingerprint()
    wanted = dict(zip(covers["cover_id"], covers["path"], strict=True))
    failures = []
    size = pixels.side * pixels.side * 3
    with writing(f"the store {folder}"), only_one(folder / "lock"):
        rows = _undamaged(folder, _whole(folder, size), size, wanted)
        end = (folder / "pixels.dat").stat().st_size // size
        limit = FailureLimit(max_failed, {READING: len(rows)})
        places = ((i, path) for i, path in wanted.items() if i not in rows)
        with (folder / "pixels.dat").open("ab") as file, (folder / LISTING).open("a") as listing:
            for chunk in decoded_ahead(places):
                bad = [(i, path, got) for i, path, got in chunk if isinstance(got, PictureError)]
                failures += [Failure(i, path, "", str(got)) for i, path, got in bad]
                limit.add(READING, len(chunk), [str(got) for _, _, got in bad])
                good = [(i, got) for i, _, got in chunk if not isinstance(got, PictureError)]
                cells = [cell.tobytes() for cell in pixels([got for _, got in good])[:, 0]]
                file.writelines(cells)
                file.flush()
                ids = [i for i, _ in good]
                listing.writelines(f"{i} {_digest(i, c)}\n" for i, c in zip(ids, cells, strict=True))
                listing.flush()
                rows |= {i: end + row for row, i in enumerate(ids)}
                end += len(ids)
                if progress:
                    progress(len(chunk))
        limit.check()
    return Decoded(folder, pixels.side, rows), failures


def missing(covers: pd.DataFrame, pixels: Pixels, root: str | os.PathLike[str]) -> int:
    """How many of these covers the cache lacks."""
    folder = Path(root) / pixels.fingerprint()
    known = {i for i, _ in _lines(folder)} if (folder / LISTING).is_file() else set()
    return len(set(covers["cover_id"]) - known)


def _whole(folder: Path, size: int) -> list[tuple[str, str]]:
    """Id and digest of whole covers; what a killed run left behind them is cut off."""
    pixels, listing = folder / "pixels.dat", folder / LISTING
    pixels.touch()
    listing.touch()
    n = min(pixels.stat().st_size // size, listing.stat().st_size // LINE_BYTES)
    os.truncate(pixels, n * size)
    os.truncate(listing, n * LINE_BYTES)
    return _lines(folder)


def _lines(folder: Path) -> list[tuple[str, str]]:
    """Id and digest by line; by position, so that a damaged line break shifts nothing."""
    content = (folder / LISTING).read_bytes().decode("ascii", errors="replace")
    starts = range(0, len(content) // LINE_BYTES * LINE_BYTES, LINE_BYTES)
    return [(content[start : start + 64], content[start + 65 : start + LINE_BYTES - 1]) for start in starts]


def _undamaged(
    folder: Path, lines: list[tuple[str, str]], size: int, wanted: Collection[str]
) -> dict[str, int]:
    """Cover -> row of its cell, where it is what its line says; others are decoded again, behind the last."""
    rows: dict[str, int] = {}
    with (folder / "pixels.dat").open("rb") as file:
        for row, (i, digest) in enumerate(lines):
            if i in wanted:
                file.seek(row * size)
                if _digest(i, file.read(size)) == digest:
                    rows[i] = row
    known = {i for i, _ in lines}
    if damaged := sum(i in known and i not in rows for i in wanted):
        said = f"{damaged} pictures in {folder} are damaged; they are decoded again."
        warnings.warn(said, UserNote, stacklevel=3)
    return rows


def _digest(cover_id: str, cell: bytes) -> str:
    return hashlib.sha256(cover_id.encode() + cell).hexdigest()
