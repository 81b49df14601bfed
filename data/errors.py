"""Errors that are the user's to mend: the command line prints their message without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input, a bad option or a machine that lacks something.

    The message names the file or option, says what is wrong and what to do about it.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A ready ' Did you mean ...? Known: ...' sentence for an unknown name.

    Args:
        word: the name nobody knows.
        known: the names that exist.
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"{hint} Known: {', '.join(names)}."
