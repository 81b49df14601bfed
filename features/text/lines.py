"""A line of text as an engine reads it, and what its letters say without the picture."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# a letter's Unicode name begins with its script's
SCRIPTS = {
    "latin": ("LATIN", "FULLWIDTH LATIN"),
    "cyrillic": ("CYRILLIC",),
    "greek": ("GREEK",),
    "cjk": ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "HALFWIDTH KATAKANA"),
}


ON_END = 1.5  # as many times as high as wide, as RapidOCR has it


class Line(NamedTuple):
    """One line of text, or a part of it.

    Attributes:
        text: what was read.
        confidence: 0 to 1.
        box: four corners (x, y) in pixels of the picture, clockwise from the upper left.
    """

    text: str
    confidence: float
    box: list[list[float]]


class Reading(NamedTuple):
    """What an engine makes of a picture: its lines, and letterforms where the engine has them."""

    lines: list[Line]
    letterforms: np.ndarray | None = None


def runs_on_end(box: Sequence[Sequence[float]]) -> bool:
    """Whether a box stands on end: its letters run up or down."""
    (x0, y0), (x1, y1), _, (x3, y3) = box
    return math.hypot(x3 - x0, y3 - y0) >= ON_END * math.hypot(x1 - x0, y1 - y0)


def letters_height(box: Sequence[Sequence[float]]) -> float:
    """How tall the letters of a box are, in pixels; where it stands on end that is how wide it is."""
    along = [x if runs_on_end(box) else y for x, y in box]
    return max(along) - min(along)


def joined(lines: Sequence[Line], min_confidence: float) -> str:
    """The texts of at least this confidence, one a line, in reading order."""
    return "\n".join(line.text for line in lines if line.confidence >= min_confidence).strip()


def script_shares(text: str) -> dict[str, float]:
    """Share of each of `SCRIPTS`, and of all `other` ones, among the letters; NaN without letters."""
    counts = Counter(_script(letter) for letter in text if letter.isalpha())
    letters = counts.total()
    return {script: counts[script] / letters if letters else float("nan") for script in [*SCRIPTS, "other"]}


def edit_distance(a: Sequence[object], b: Sequence[object]) -> int:
    """The least number of letters (or words) to insert, delete or replace (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != other))
    return row[-1]


def _script(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return next((script for script, prefixes in SCRIPTS.items() if name.startswith(prefixes)), "other")
