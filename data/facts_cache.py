"""Facts of pictures kept by content, so that a second reading of a collection only hashes bytes."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from coverfusion.data.pictures import DECODE_VERSION, PictureError, PictureFacts, facts

# Changes whenever `data.pictures.facts` would say something else of the same bytes.
FACTS_VERSION = f"{DECODE_VERSION}.1"
_COLUMNS = ["width", "height", "format", "phash", "detail"]


@dataclass
class FactsCache:
    """cover_id -> facts, or the reason why the bytes are no picture; safe to ask from many threads.

    Attributes:
        path: the parquet file; None keeps nothing.
        known: what has been read so far.
        unsaved: how many of them the file does not have.
    """

    path: Path | None
    known: dict[str, PictureFacts | str] = field(default_factory=dict)
    unsaved: int = 0

    @classmethod
    def load(cls, path: Path | None) -> FactsCache:
        """Reads the file; one that is not there, damaged or of another version counts as empty."""
        cache = cls(path)
        if path is None or not path.is_file():
            return cache
        try:
            frame = pd.read_parquet(path)
            frame = frame[frame["version"] == FACTS_VERSION]
            rows = zip(*(frame[name].tolist() for name in ["cover_id", "reason", *_COLUMNS]), strict=True)
        except (OSError, ValueError, KeyError):
            return cache
        for cover_id, reason, *values in rows:
            cache.known[cover_id] = reason or PictureFacts(*values)
        return cache

    def facts(self, cover_id: str, data: bytes) -> PictureFacts:
        """The facts of these bytes, whose sha256 is `cover_id`.

        Raises:
            PictureError: they are no usable picture.
        """
        found = self.known.get(cover_id)
        if found is None:
            try:
                found = facts(data)
            except PictureError as error:
                found = str(error)
            self.known[cover_id] = found
            self.unsaved += 1
        if isinstance(found, str):
            raise PictureError(found)
        return found

    def save(self) -> None:
        """Writes the file in one step, so that a killed run leaves the old one or the new one."""
        if self.path is None or not self.unsaved:
            return
        nothing = asdict(PictureFacts(0, 0, "", "", 0.0))
        known = list(self.known.items())
        frame = pd.DataFrame(
            [nothing if isinstance(found, str) else asdict(found) for _, found in known], columns=_COLUMNS
        )
        frame.insert(0, "cover_id", [cover_id for cover_id, _ in known])
        frame["reason"] = [found if isinstance(found, str) else "" for _, found in known]
        frame["version"] = FACTS_VERSION
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        frame.to_parquet(partial, index=False)
        partial.replace(self.path)
        self.unsaved = 0
