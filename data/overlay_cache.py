"""How well covers agree when laid over each other, kept by content: a second reading lays no two anew."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from coverfusion.data.facts_cache import FACTS_VERSION
from coverfusion.data.sealed_frames import read_frame, write_frame

# Changes whenever `data.overlay` would say something else of the same thumbnails, or its parts are others.
OVERLAY_VERSION = f"{FACTS_VERSION}.1"
_KEY = ["part", "whole", "which"]
# (cover_id of the part, cover_id of the whole, number of the part) -> agreement
Agreements = dict[tuple[str, str, int], float]


def read_agreements(path: Path | None) -> Agreements:
    """What the file holds; nothing where it is not there, damaged, locked or of another version."""
    frame = None if path is None else read_frame(path, OVERLAY_VERSION)
    if frame is None:
        return {}
    keys = frame[_KEY].itertuples(index=False, name=None)
    return dict(zip(keys, frame["agreement"].tolist(), strict=True))


def write_agreements(path: Path, known: Agreements) -> None:
    """Writes the file; where it cannot be written, a warning says so."""
    frame = pd.DataFrame(known.keys(), columns=_KEY).assign(agreement=list(known.values()))
    write_frame(path, frame, OVERLAY_VERSION, "comparisons of covers")
