"""The one line after a command that says what comes next, ready to paste."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from pathlib import Path

from coverfusion.experiments.pipeline.console import console


def print_next(purpose: str, *words: object, program: str = "coverfusion") -> None:
    """Prints a command to go on with, on one line however long.

    Args:
        purpose: what it is for, after "Next, to".
        words: the command's name, arguments and options, quoted here where a shell needs it.
        program: that takes them.
    """
    console.print(f"Next, to {purpose}: {shlex.join([program, *map(str, words)])}", soft_wrap=True)


def given_options(options: Mapping[str, object]) -> list[object]:
    """The words of options that differ from their defaults.

    Args:
        options: name with its dashes -> value; None or an empty list: it was left out. A list repeats it.
    """
    words: list[object] = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [] if value is None else [value]:
            words += [name, one]
    return words


def from_here(place: str) -> str:
    """A path as it is seen from the working directory, where it lies in there; else as it is."""
    with contextlib.suppress(ValueError):
        return str(Path(place).relative_to(Path.cwd()))
    return place
