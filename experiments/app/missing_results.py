"""What to say where something was not made yet: the command that makes it."""

from __future__ import annotations

import shlex
from pathlib import Path

import streamlit as st


def no_run() -> None:
    """Says that there is no finished run, and how to make one."""
    show_command("There is no finished run yet.", "coverfusion", "train", "covers/")


def show_command(what: str, *words: str | Path) -> None:
    """Says what is missing, and the command that makes it, ready to copy.

    Args:
        what: a sentence.
        words: the command's, unquoted.
    """
    st.info(what)
    st.code(shlex.join(map(str, words)), language=None, wrap_lines=True)
    st.caption(
        "Run this command in a terminal, then load this page again. If the app runs in a container, replace "
        "these paths with those on your machine."
    )
