"""How well covers agree when laid over each other, kept by content: a second reading lays no two anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from coverfusion.data.facts_cache import FACTS_VERSION
from coverfusion.data.sealed_frames import read_frame, write_frame

# Changes whenever `data.overlay` would say something else of the same thumbnails, or its parts are others.
OVERLAY_VERSION = f"{FACTS_VERSION}.1"
_KEY = ["part", "whole", "which"]


@dataclass
class OverlayCache:
    """(cover_id of the part, cover_id of the whole, number of the part) -> agreement.

    Attributes:
        path: the file, parquet behind its digest; None keeps nothing.
        known: what has been computed so far.
        unsaved: how many of them the file does not have.
    """

    path: Path | None
    known: dict[tuple[str, str, int], float] = field(default_factory=dict)
    unsaved: int = 0

    @classmethod
    def load(cls, path: Path | None) -> OverlayCache:
        """Reads the file; one that is not there, damaged, locked or of another version counts as empty."""
        frame = None if path is None else read_frame(path, OVERLAY_VERSION)
        if frame is None:
            return cls(path)
        keys = frame[_KEY].itertuples(index=False, name=None)
        return cls(path, dict(zip(keys, frame["agreement"].tolist(), strict=True)))

    def agreement(self, part: str, whole: str, which: int, compute: Callable[[], float]) -> float:
        """What is known of two covers, or else what `compute` says."""
        key = part, whole, which
        if key not in self.known:
            self.known[key] = compute()
            self.unsaved += 1
        return self.known[key]

    def save(self) -> None:
        """Writes the file where there is something new."""
        if self.path is None or not self.unsaved:
            return
        frame = pd.DataFrame(self.known.keys(), columns=_KEY).assign(agreement=list(self.known.values()))
        if not write_frame(self.path, frame, OVERLAY_VERSION, "comparisons of covers"):
            self.path = None
        self.unsaved = 0
