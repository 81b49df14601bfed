"""What to say where something was not made yet: the command that makes it."""

from __future__ import annotations

import shlex
from pathlib import Path

import streamlit as st


def show_command(what: str, *words: str | Path) -> None:
    """Says what is missing, and the command that makes it, ready to copy.

    Args:
        what: a sentence.
        words: the command's, unquoted.
    """
    st.info(what)
    st.code(shlex.join(map(str, words)), language="sh", wrap_lines=True)
    st.caption(
        "Run this in a terminal, then load this page again. The paths are the app's own: where it runs in a "
        "container, write them as they are outside."
    )
