"""Names as figures show them: in any script, of any length, and not too many."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

LONGEST_LABEL = 32  # letters
MOST_GENRES = 40  # rows, panels or legend entries: one more figure of this kind nobody reads
# fonts for what matplotlib's own lacks, where the machine has them
_SCRIPTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR", "Noto Emoji",
    "Source Han Sans", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAGothic",
    "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Yu Gothic", "Microsoft YaHei", "Malgun Gothic",
    "Arial Unicode MS", "Segoe UI Symbol", "Symbola",
)  # fmt: skip


def label(name: object) -> str:
    """A genre or another name of the user's as a figure shows it.

    A long one loses its middle. A letter that no font here has is named: `(guitar) Rock`, `U+6F14`.
    """
    text = str(name)
    if len(text) > LONGEST_LABEL:
        end = LONGEST_LABEL // 3
        text = f"{text[: LONGEST_LABEL - end - 1]}…{text[-end:]}"
    text = "".join(_shown(letter) for letter in text).replace("  ", " ").strip()
    # matplotlib leaves what begins with "_" out of legends
    return f"\u200b{text}" if text.startswith("_") else text


def largest(covers: Mapping[Any, int], most: int = MOST_GENRES) -> tuple[list[str], str]:
    """The genres that a figure shows, and what its title says of that.

    Args:
        covers: genre -> how many it has.
        most: how many genres are shown.

    Returns:
        The genres of the most covers, largest first and equal ones by name; and ": the 40 largest of 2,000",
        or "" where all are shown.
    """
    ordered = sorted(covers, key=lambda genre: (-covers[genre], genre))
    return ordered[:most], f": the {most} largest of {len(ordered):,}" if len(ordered) > most else ""


def genres_named(which: str) -> str:
    """What `largest` says, as the end of a title that is about more than genres; "" of ""."""
    return f" (genres{which})" if which else ""


@cache
def families() -> tuple[str, ...]:
    """The fonts of figures, the first that has a letter draws it."""
    from matplotlib import font_manager

    installed = set(font_manager.fontManager.get_font_names())
    return ("DejaVu Sans", *(name for name in _SCRIPTS if name in installed))


@cache
def _shown(letter: str) -> str:
    from matplotlib import font_manager

    fonts = (font_manager.get_font(font_manager.findfont(name)) for name in families())
    if letter.isspace() or any(font.get_char_index(ord(letter)) for font in fonts):
        return letter
    category = unicodedata.category(letter)
    if category in ("Mn", "Me", "Cf"):  # joiners and variants of the letter before
        return ""
    return f"({unicodedata.name(letter, '?').lower()}) " if category == "So" else f"U+{ord(letter):04X} "
