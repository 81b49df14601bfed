"""Faces, persons and words on a cover, out of what the extractors note beside their numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

NO_PEOPLE = "faces and persons: not looked for (no block people)"
NO_WORDS = "words: not looked for (no block ocr)"


@dataclass(frozen=True)
class Box:
    """A face or a person: edges in pixels of the cover, confidence 0..1."""

    left: float
    top: float
    right: float
    bottom: float
    confidence: float


@dataclass(frozen=True)
class MarkedWord:
    """A text box: what it says, how sure that is (0..1), and its four corners (x, y) in pixels."""

    text: str
    confidence: float
    corners: list[tuple[float, float]]

    @property
    def height(self) -> float:
        """In pixels, from the lowest to the highest corner."""
        return max(y for _, y in self.corners) - min(y for _, y in self.corners)


def boxes(note: str | None, what: str) -> list[Box]:
    """The faces or persons of the note of `people`, the largest first; none where the detector failed.

    Args:
        note: JSON as `people` keeps it; None or "null" where there is none.
        what: "faces" or "persons".
    """
    found = (json.loads(note or "null") or {}).get(what, [])
    return [] if isinstance(found, str) else [Box(*box) for box in found]


def detector_errors(note: str | None) -> list[str]:
    """What went wrong in the detectors of `people`, such as "faces: ValueError: ..."."""
    found = json.loads(note or "null") or {}
    return [f"{what}: {found[what]}" for what in ("faces", "persons") if isinstance(found.get(what), str)]


def words(note: str | None) -> list[MarkedWord]:
    """The text boxes of the note of `ocr`, the tallest first."""
    found = [
        MarkedWord(box["text"], float(box["confidence"]), [(float(x), float(y)) for x, y in box["box"]])
        for box in json.loads(note or "null") or []
    ]
    return sorted(found, key=lambda word: -word.height)


def counted_words(found: Sequence[object], one: str, many: str) -> str:
    """How many were found, in words: "no faces", "1 face", "2 faces"."""
    return f"{len(found) or 'no'} {one if len(found) == 1 else many}"
