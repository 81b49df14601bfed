"""Decoded, resized covers in one memory-mapped file: each is decoded once, whatever is trained on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureError
from coverfusion.features.extract import Failure, decoded_ahead
from coverfusion.features.pixels import Pixels

ID_BYTES = 65  # 64 hex digits and a line break


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
) -> tuple[Decoded, list[Failure]]:
    """Adds the covers that the cache lacks and opens it.

    The cache is `<root>/<fingerprint>/pixels.dat`, side x side x 3 bytes a cover, and `ids.txt`, a line a
    cover in the same order. An id is written after its pixels, so a killed run leaves only whole covers.

    Args:
        covers: frame with `cover_id` and `path`.
        pixels: how they are resized.
        root: the store's folder.
        progress: called with the number of covers newly done.

    Returns:
        The cache, and the covers that cannot be decoded.

    Raises:
        UserError: the folder cannot be written to.
    """
    folder = Path(root) / pixels.fingerprint()
    wanted = dict(zip(covers["cover_id"], covers["path"], strict=True))
    failures = []
    try:
        with _alone(folder):
            size = pixels.side * pixels.side * 3
            known = _whole(folder, size)
            places = ((i, path) for i, path in wanted.items() if i not in known)
            with (folder / "pixels.dat").open("ab") as file, (folder / "ids.txt").open("a") as listing:
                for chunk in decoded_ahead(places):
                    bad = [(i, path, got) for i, path, got in chunk if isinstance(got, PictureError)]
                    failures += [Failure(i, path, "", str(got)) for i, path, got in bad]
                    good = [(i, got) for i, _, got in chunk if not isinstance(got, PictureError)]
                    for cell in pixels([got for _, got in good])[:, 0]:
                        file.write(cell.tobytes())
                    file.flush()
                    listing.writelines(f"{i}\n" for i, _ in good)
                    listing.flush()
                    if progress:
                        progress(len(chunk))
            rows = {i: row for row, i in enumerate(_whole(folder, size))}
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror or error}. Name another --store."
        ) from error
    return Decoded(folder, pixels.side, rows), failures


def missing(covers: pd.DataFrame, pixels: Pixels, root: str | os.PathLike[str]) -> int:
    """How many of these covers the cache lacks."""
    listing = Path(root) / pixels.fingerprint() / "ids.txt"
    known = set(listing.read_text().split()) if listing.is_file() else set()
    return len(set(covers["cover_id"]) - known)


def _whole(folder: Path, size: int) -> list[str]:
    """The ids of whole covers; what a killed run left behind them is cut off."""
    pixels, listing = folder / "pixels.dat", folder / "ids.txt"
    pixels.touch()
    listing.touch()
    n = min(pixels.stat().st_size // size, listing.stat().st_size // ID_BYTES)
    os.truncate(pixels, n * size)
    os.truncate(listing, n * ID_BYTES)
    return listing.read_text().split()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time adds to a cache."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        yield
