"""How much of a known text was read wrong, whatever the order its lines were read in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from coverfusion.features.text.lines import edit_distance

MOST_WRONG = 0.5  # a fragment with a larger share of wrong letters belongs to no line


class Errors(NamedTuple):
    """Of one line of the truth: its letters and words, and how many edits what was read needs."""

    letters: int
    letter_edits: int
    words: int
    word_edits: int


def line_errors(truth: Sequence[str], read: Sequence[str]) -> tuple[list[Errors], int]:
    """Letters and words that differ, line by line.

    Case and punctuation do not count, as usual for text in scenes. What was read goes to the line that holds
    it with the fewest edits, in the order of reading; so a line may be read in parts, and in any order.

    Returns:
        The errors of each line of the truth, and the letters that belong to no line.
    """
    lines = [plain_text(line) for line in truth]
    parts: list[list[str]] = [[] for _ in lines]
    extra = 0
    for fragment in map(plain_text, read):
        letters = fragment.replace(" ", "")
        edits = [_edits_within(letters, line.replace(" ", "")) for line in lines]
        if edits and min(edits) <= MOST_WRONG * len(letters):
            parts[edits.index(min(edits))].append(fragment)
        else:
            extra += len(letters)
    return [_errors(line, " ".join(own)) for line, own in zip(lines, parts, strict=True)], extra


def plain_text(text: str) -> str:
    """Lower case, letters and digits alone, one space between words."""
    return re.sub(r"[\W_]+", " ", text.replace("'", "").replace("\u2019", "")).strip().lower()


def _errors(line: str, read: str) -> Errors:
    letters, words = line.replace(" ", ""), line.split()
    return Errors(
        len(letters),
        edit_distance(letters, read.replace(" ", "")),
        len(words),
        edit_distance(words, read.split()),
    )


def _edits_within(fragment: str, line: str) -> int:
    """Edits that make `fragment` some part of `line` (Sellers 1980)."""
    row = [0] * (len(line) + 1)
    for i, letter in enumerate(fragment, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(line, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != other))
    return min(row)
