"""Text that is measured before it is drawn, so that nothing is cut and nothing overlaps."""

from __future__ import annotations

import re
from bisect import bisect
from functools import cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

ELLIPSIS = "\u2026"


@cache
def width(text: str, size: float, weight: str = "normal") -> float:
    """How wide a line of text is in matplotlib's own font, in inches; `size` in points."""
    font = FontProperties(size=size, weight=weight)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / 72


def fitted(text: str, size: float, inches: float, weight: str = "normal") -> str:
    """The text, or as much of its beginning as fits into the width, ending in an ellipsis."""
    text = " ".join(_words(text))
    if width(text, size, weight) <= inches:
        return text
    shorter = [text[:kept].rstrip() + ELLIPSIS for kept in range(len(text))]
    return shorter[bisect(shorter, inches, key=lambda cut: width(cut, size, weight)) - 1]


def wrapped(text: str, size: float, inches: float, lines: int) -> list[str]:
    """The text in at most so many lines of this width; what is too long ends in an ellipsis."""
    result: list[str] = []
    rest = _words(text)
    while rest and len(result) < lines - 1:
        taken = 1
        while taken < len(rest) and width(" ".join(rest[: taken + 1]), size) <= inches:
            taken += 1
        result.append(fitted(" ".join(rest[:taken]), size, inches))
        rest = rest[taken:]
    return [*result, fitted(" ".join(rest), size, inches)] if rest else result


def _words(text: str) -> list[str]:
    """What stands between spaces; those that must not be broken at stay."""
    return [word for word in re.split(r"[^\S\u00a0]+", text) if word]
