"""Faces, persons and words on a cover, out of what the extractors note beside their numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from coverfusion.data.plurals import how_many
from coverfusion.features.text.lines import letters_height
from coverfusion.features.text.words import split_words

NO_PEOPLE = "faces and persons are not looked for: the model has no block people"
NO_WORDS = "words are not looked for: the model has no block ocr"


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
    """A text box: what it says, how confident the engine is (0 to 1), its four corners (x, y) in pixels.

    Words that the engine joined are apart.
    """

    text: str
    confidence: float
    corners: list[tuple[float, float]]

    @property
    def height(self) -> float:
        """Of its letters, in pixels."""
        return letters_height(self.corners)


def boxes(note: str | None, what: str) -> list[Box]:
    """The faces or persons of the note of `people`, the largest first; none where the detector failed.

    Args:
        note: JSON as `people` keeps it; None or "null" where there is none.
        what: "faces" or "persons".
    """
    rows = (json.loads(note or "null") or {}).get(what, [])
    return [] if isinstance(rows, str) else [Box(*box) for box in rows]


def detector_errors(note: str | None) -> list[str]:
    """What went wrong in the detectors of `people`, such as "faces: ValueError: ..."."""
    detected = json.loads(note or "null") or {}
    return [
        f"{what}: {detected[what]}" for what in ("faces", "persons") if isinstance(detected.get(what), str)
    ]


def words(note: str | None) -> list[MarkedWord]:
    """The text boxes of the note of `ocr`, the tallest first."""
    marked = [
        MarkedWord(
            split_words(box["text"]), float(box["confidence"]), [(float(x), float(y)) for x, y in box["box"]]
        )
        for box in json.loads(note or "null") or []
    ]
    return sorted(marked, key=lambda word: -word.height)


def counted_words(items: Sequence[object], one: str, many: str) -> str:
    """How many were found, in words: "no faces found", "1 face", "2 faces"."""
    return how_many(len(items), one, many) if items else f"no {many} found"
