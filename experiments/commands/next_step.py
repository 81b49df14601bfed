"""The one line after a command that says what comes next, ready to paste."""

from __future__ import annotations

import shlex

from coverfusion.experiments.pipeline.console import console


def print_next(purpose: str, *words: object) -> None:
    """Prints a command to go on with, on one line however long.

    Args:
        purpose: what it is for, after "Next, to".
        words: the command's name, arguments and options, quoted here where a shell needs it.
    """
    console.print(f"Next, to {purpose}: {command_line(*words)}", soft_wrap=True)


def command_line(*words: object) -> str:
    """A command of `coverfusion` as a shell takes it."""
    return shlex.join(["coverfusion", *map(str, words)])
