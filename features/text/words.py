"""Words that an engine joined, taken apart for people to read: "SIMPLYRED" is "SIMPLY RED"."""

from __future__ import annotations

import functools
import re
from typing import Any

JOINED = re.compile(r"[^\W\d_]{8,}")  # shorter ones are rather names than two words
CASES = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")  # between "Jerry" and "Lee"
SHORT = (
    "a am an as at be by do go he i if in is it me my no of on or so to up us we"  # words that a part may be
)
RAREST = 20_000  # rank of the rarest word that a joined word is cut into


def split_words(line: str) -> str:
    """The line with joined words apart; its letters stay as they are. For reports: the stored text is raw.

    A word is cut where its case changes, else into common English words alone, by wordninja (MIT) and its
    list of 126,134 words ordered by frequency; a word that the list has stays whole.
    """
    return JOINED.sub(lambda found: _split(found[0]), line)


@functools.lru_cache(maxsize=4096)
def _split(word: str) -> str:
    parts = CASES.split(word)
    if len(parts) == 1:
        parts = _model().split(word)
        if not all(map(_common, parts)):
            parts = [word]
    return " ".join(parts)


def _common(part: str) -> bool:
    rank: int = _ranks().get(part.lower(), RAREST)
    return part.lower() in SHORT.split() or (len(part) > 2 and rank < RAREST)


@functools.cache
def _model() -> Any:
    import wordninja

    return wordninja.DEFAULT_LANGUAGE_MODEL


@functools.cache
def _ranks() -> dict[str, int]:
    return {word: rank for rank, word in enumerate(_model()._wordcost)}  # in its file's order
