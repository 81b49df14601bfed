"""The one console, and tables printed on it."""

from __future__ import annotations

import math
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

# what is printed is data: genres and paths with [brackets] or :colons: stay as they are; colour is asked
# for by `style=` or `rich.text.Text`
console = Console(markup=False, highlight=False, emoji=False)
error_console = Console(stderr=True, markup=False, highlight=False, emoji=False)


def new_table(title: str | None = None, heads: bool = True) -> Table:
    """An empty table without vertical lines, so that much fits into 80 columns."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if heads else None,
        show_header=heads,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )


def print_frame(frame: Any, title: str | None = None) -> None:
    """Prints a data frame as a table, numbers to the right; what is not there is a dash."""
    table = new_table(title)
    for column, kind in zip(frame.columns, frame.dtypes, strict=True):
        table.add_column(str(column), overflow="fold", justify="right" if kind.kind in "iuf" else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*map(_cell, row))
    console.print(table)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "\u2013" if math.isnan(value) else f"{value:.3f}"
