"""What charts share: colours, axes, words. The SVG itself is in `templates/`.

Every chart of a page is a `forest.Forest`, a `curves.Curve` or a `heat_map.HeatMap`. Widths are in percent
and text is in pixels: a chart fits a phone and can be read there. Colours are those of Okabe and Ito (2008),
which people with any kind of colour vision tell apart; a mark that differs in meaning also differs in shape.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from coverfusion.experiments.drawing.marks import DARK_MARKS, LIGHT_MARKS

LIGHT = {
    "surface": "#ffffff", "page": "#f5f6f8", "ink": "#1a1d21", "muted": "#5a626d", "line": "#d9dde3",
    "grid": "#e6e9ee", "fused": "#0072b2", "alone": "#b45309", "chance": "#6b7280", "cell": "#56b4e9",
    "less": "#f0a860", "notice": "#fff4d6", "notice-edge": "#e69f00", "right": "#00755a", "wrong": "#b24a00",
    "shade": "#0000002e",
} | {f"mark-{number}": colour for number, colour in enumerate(LIGHT_MARKS)}  # fmt: skip
DARK = {
    "surface": "#1b1e23", "page": "#121417", "ink": "#e8eaed", "muted": "#a3abb6", "line": "#363c45",
    "grid": "#2b3038", "fused": "#56b4e9", "alone": "#e69f00", "chance": "#9aa3af", "cell": "#0a6da8",
    "less": "#9a5410", "notice": "#3a2f12", "notice-edge": "#e69f00", "right": "#3ecfa5", "wrong": "#ff9a52",
    "shade": "#000000b0",
} | {f"mark-{number}": colour for number, colour in enumerate(DARK_MARKS)}  # fmt: skip

NARROWEST = 300  # pixels that a chart has on a phone
LETTER = 9.0  # pixels of a letter there, at most on average
WIDEST_AXIS_LABEL = 33  # letters in a line there
KEY, KEY_LINE, KEY_START = 24, 20, 34  # pixels: of an entry of a legend, of each further line, left of words
WIDEST_KEY = 30  # letters in a line of a legend there
MOST_STEPS = 5  # between the ticks of an axis: more numbers touch each other on a phone
_STEPS = tuple(part * 10.0**power for power in range(-4, 20) for part in (0.02, 0.05, 0.1))


class Chart(Protocol):
    """What a template in `templates/` draws.

    Attributes:
        template: its file.
    """

    template: ClassVar[str]

    @property
    def words(self) -> str:
        """The text alternative, with the numbers."""


@dataclass(frozen=True)
class Axis:
    """An axis over [low, high] that is drawn from `start` to `end`, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value stands, kept on the axis."""
        low, high, inside = (
            math.log(each) if self.log else each
            for each in (self.low, self.high, min(max(value, self.low), self.high))
        )
        return round(self.start + (inside - low) / (high - low) * (self.end - self.start), 3)

    def ticks(self) -> list[float]:
        """About five round values on a linear axis."""
        step = _step(self.high - self.low)
        first, last = math.ceil(round(self.low / step, 9)), math.floor(round(self.high / step, 9))
        return [round(n * step, 9) for n in range(first, last + 1)]


def axis_over(
    values: Iterable[float], start: float, end: float, least: float = -math.inf, most: float = math.inf
) -> Axis:
    """An axis that holds all values and ends on round ones.

    Args:
        values: that it holds; NaN is left out.
        start: where it is drawn.
        end: of it.
        least: no value can be smaller, so the axis is not either.
        most: no value can be larger.
    """
    known = [value for value in values if not math.isnan(value)] or [0.0]
    low, high = max(min(known), least), min(max(known), most)
    if high - low < 1e-9:
        low, high = max(low - 0.5, least), min(high + 0.5, most)
    step = _step(high - low)
    # half a step, so that no interval ends on the edge
    half = step / 2
    low, high = math.floor(low / half - 0.2) * half, math.ceil(high / half + 0.2) * half
    return Axis(round(max(low, least), 9), round(min(high, most), 9), start, end)


def free_ticks(ticks: Sequence[tuple[float, str]], axis: Axis) -> list[tuple[float, str]]:
    """The ticks whose texts do not touch on a phone, counted from the last one.

    Args:
        ticks: values and texts, in order.
        axis: in percent of the width.
    """
    kept: list[tuple[float, str]] = []
    edge = math.inf
    for value, text in reversed(ticks):
        middle, half = axis.at(value) / 100 * NARROWEST, text_width(text) * LETTER / 2
        if middle + half + LETTER <= edge:
            kept.append((value, text))
            edge = middle - half
    return kept[::-1]


def text_width(text: str) -> int:
    """How many letters of usual width a text is as wide as."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def wrapped(text: str, most: int) -> list[str]:
    """A text in lines of at most so many letters; "5 %" stays whole; a long word is cut, first after "+"."""
    lines = [""]
    for word in re.findall(r" ?[^ +]*(?:(?<=\d) %)?\+?", " ".join(text.split())):
        if text_width(f"{lines[-1]}{word}".strip()) <= most:
            lines[-1] = f"{lines[-1]}{word}".strip()
            continue
        word = word.strip()
        lines += [""] if lines[-1] else []
        for letter in word:
            if text_width(lines[-1] + letter) > most:
                lines.append("")
            lines[-1] += letter
    return lines


def _step(span: float) -> float:
    return next(step for step in _STEPS if round(span / step, 6) <= MOST_STEPS)


@dataclass(frozen=True)
class Key:
    """An entry of a legend: its mark, the number of its group, its words in lines, pixels from the top."""

    kind: str
    group: int
    lines: list[str]
    top: int

    @property
    def bottom(self) -> int:
        """Where the next one begins."""
        return self.top + KEY + KEY_LINE * (len(self.lines) - 1)


def placed_legend(legend: Iterable[tuple[str, int, str]]) -> list[Key]:
    """A legend with its places, long words in lines that a phone has room for.

    Args:
        legend: the mark, the number of its group, and the words of each entry.
    """
    keys: list[Key] = []
    for kind, group, words in legend:
        keys.append(Key(kind, group, wrapped(words, WIDEST_KEY), keys[-1].bottom if keys else 0))
    return keys


def line_words(value: float, label: str, shown: Callable[[float], str]) -> str:
    """What a dashed line is and its value, which a label may hold already; "" for NaN."""
    if math.isnan(value):
        return ""
    return f" {label}." if any(letter.isdigit() for letter in label) else f" {label}: {shown(value)}."
