"""The one console, and frames printed on it."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table

# what is printed is data: genres and paths with [brackets] or :colons: stay as they are; colour is asked
# for by `style=` or `rich.text.Text`
console = Console(markup=False, highlight=False, emoji=False)
error_console = Console(stderr=True, markup=False, highlight=False, emoji=False)


def print_frame(frame: Any, title: str | None = None) -> None:
    """Prints a data frame as a table; what is not there is a dash."""
    table = Table(title=title)
    for column in frame.columns:
        table.add_column(str(column), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*map(_cell, row))
    console.print(table)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "\u2013" if math.isnan(value) else f"{value:.3f}"
