"""Words of users' files as they are: streamlit reads what it shows as Markdown."""

from __future__ import annotations

import re

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+.!|~$:&-])")
_CODE = re.compile(r"`([^`]+)`")


def noted(text: str) -> str:
    """A note of ours as Markdown: what stands between backticks is code, all else is as it is."""
    parts = _CODE.split(text)
    return "".join(f"`{part}`" if at % 2 else _kept(part) for at, part in enumerate(parts))


def plain(text: str) -> str:
    """The text with Markdown's marks made harmless; line breaks become blanks."""
    return _kept(" ".join(text.split()))


def _kept(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)
