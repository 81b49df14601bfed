"""Facts of pictures kept by content, so that a second reading of a collection only hashes bytes."""

from __future__ import annotations

import os
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from coverfusion.data.errors import UserNote
from coverfusion.data.parquet_bytes import read_parquet_bytes
from coverfusion.data.pictures import (
    DECODE_VERSION,
    PictureError,
    PictureFacts,
    UndecidedPictureError,
    facts,
)
from coverfusion.data.sealed_files import read_sealed, write_sealed

# Changes whenever `data.pictures.facts` would say something else of the same bytes.
FACTS_VERSION = f"{DECODE_VERSION}.3"
_COLUMNS = ["width", "height", "format", "phash", "detail", "thumbnail"]


@dataclass
class FactsCache:
    """cover_id -> facts, or the reason why the bytes are no picture; safe to ask from many threads.

    Attributes:
        path: the file, parquet behind its digest; None keeps nothing.
        known: what has been read so far.
        unsaved: how many of them the file does not have.
    """

    path: Path | None
    known: dict[str, PictureFacts | str] = field(default_factory=dict)
    unsaved: int = 0

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None) -> FactsCache:
        """Reads the file; one that is not there, damaged, locked or of another version counts as empty."""
        cache = cls(None if path is None else Path(path))
        try:
            content = None if cache.path is None else read_sealed(cache.path)
        except OSError:  # `save` says what is wrong with it
            content = None
        if content is None:
            return cache
        frame = read_parquet_bytes(content).to_pandas(use_threads=False)
        frame = frame[frame["version"] == FACTS_VERSION]
        frame = frame.reindex(columns=["cover_id", "reason", *_COLUMNS])  # other versions have other facts
        rows = zip(*(frame[name].tolist() for name in frame), strict=True)
        for cover_id, reason, *values in rows:
            cache.known[cover_id] = reason or PictureFacts(*values)
        return cache

    def facts(self, cover_id: str, data: bytes) -> PictureFacts:
        """The facts of these bytes, whose sha256 is `cover_id`.

        Raises:
            PictureError: they are no usable picture.
            MachineError: as `data.pictures.facts`.
        """
        entry = self.known.get(cover_id)
        if entry is None:
            try:
                entry = facts(data)
            except UndecidedPictureError:
                raise
            except PictureError as error:
                entry = str(error)
            self.known[cover_id] = entry
            self.unsaved += 1
        if isinstance(entry, str):
            raise PictureError(entry)
        return entry

    def save(self) -> None:
        """Writes the file in one step, so that a killed run leaves the old one or the new one.

        Where it cannot be written, a warning says so: a later reading only takes longer.
        """
        if self.path is None or not self.unsaved:
            return
        nothing = asdict(PictureFacts(0, 0, "", "", 0.0, b""))
        known = list(self.known.items())
        frame = pd.DataFrame(
            [nothing if isinstance(entry, str) else asdict(entry) for _, entry in known], columns=_COLUMNS
        )
        frame.insert(0, "cover_id", [cover_id for cover_id, _ in known])
        frame["reason"] = [entry if isinstance(entry, str) else "" for _, entry in known]
        frame["version"] = FACTS_VERSION
        try:
            write_sealed(self.path, frame.to_parquet(index=False))
        except OSError as error:
            said = f"{self.path}: facts of covers are not kept ({error.strerror or error})."
            warnings.warn(said, UserNote, stacklevel=2)
            self.path = None
        self.unsaved = 0
