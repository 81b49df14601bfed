"""Facts of pictures kept by content, so that a second reading of a collection only hashes bytes."""

from __future__ import annotations

import io
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from coverfusion.data.disk import writing
from coverfusion.data.pictures import DECODE_VERSION, PictureError, PictureFacts, facts
from coverfusion.data.sealed_files import read_sealed, write_sealed

# Changes whenever `data.pictures.facts` would say something else of the same bytes.
FACTS_VERSION = f"{DECODE_VERSION}.1"
_COLUMNS = ["width", "height", "format", "phash", "detail"]


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
        """Reads the file; one that is not there, damaged or of another version counts as empty."""
        cache = cls(None if path is None else Path(path))
        content = None if cache.path is None else read_sealed(cache.path)
        if content is None:
            return cache
        frame = pd.read_parquet(io.BytesIO(content))
        frame = frame[frame["version"] == FACTS_VERSION]
        rows = zip(*(frame[name].tolist() for name in ["cover_id", "reason", *_COLUMNS]), strict=True)
        for cover_id, reason, *values in rows:
            cache.known[cover_id] = reason or PictureFacts(*values)
        return cache

    def facts(self, cover_id: str, data: bytes) -> PictureFacts:
        """The facts of these bytes, whose sha256 is `cover_id`.

        Raises:
            PictureError: they are no usable picture.
        """
        entry = self.known.get(cover_id)
        if entry is None:
            try:
                entry = facts(data)
            except PictureError as error:
                entry = str(error)
            self.known[cover_id] = entry
            self.unsaved += 1
        if isinstance(entry, str):
            raise PictureError(entry)
        return entry

    def save(self) -> None:
        """Writes the file in one step, so that a killed run leaves the old one or the new one.

        Raises:
            UserError: the disk is full or the place cannot be written to.
        """
        if self.path is None or not self.unsaved:
            return
        nothing = asdict(PictureFacts(0, 0, "", "", 0.0))
        known = list(self.known.items())
        frame = pd.DataFrame(
            [nothing if isinstance(entry, str) else asdict(entry) for _, entry in known], columns=_COLUMNS
        )
        frame.insert(0, "cover_id", [cover_id for cover_id, _ in known])
        frame["reason"] = [entry if isinstance(entry, str) else "" for _, entry in known]
        frame["version"] = FACTS_VERSION
        with writing(str(self.path)):
            write_sealed(self.path, frame.to_parquet(index=False))
        self.unsaved = 0
