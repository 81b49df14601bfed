"""Facts of pictures kept by content, so that a second reading of a collection only hashes bytes."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from coverfusion.data.pictures import (
    DECODE_VERSION,
    PictureError,
    PictureFacts,
    UndecidedPictureError,
    facts,
)
from coverfusion.data.sealed_frames import read_frame, write_frame

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
        frame = None if cache.path is None else read_frame(cache.path, FACTS_VERSION)
        if frame is None:
            return cache
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
        """Writes the file where there is something new."""
        if self.path is None or not self.unsaved:
            return
        nothing = asdict(PictureFacts(0, 0, "", "", 0.0, b""))
        known = list(self.known.items())
        frame = pd.DataFrame(
            [nothing if isinstance(entry, str) else asdict(entry) for _, entry in known], columns=_COLUMNS
        )
        frame.insert(0, "cover_id", [cover_id for cover_id, _ in known])
        frame["reason"] = [entry if isinstance(entry, str) else "" for _, entry in known]
        if not write_frame(self.path, frame, FACTS_VERSION, "facts of covers"):
            self.path = None
        self.unsaved = 0
