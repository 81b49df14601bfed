"""Words of users' files as they are: streamlit reads what it shows as Markdown."""

from __future__ import annotations

import re

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+.!|~$:&-])")


def plain(text: str) -> str:
    """The text with Markdown's marks made harmless; line breaks become blanks."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
