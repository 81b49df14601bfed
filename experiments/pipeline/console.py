"""The one console, and frames printed on it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

# what is printed is data: genres and paths with [brackets] or :colons: stay as they are; colour is asked
# for by `style=` or `rich.text.Text`
console = Console(markup=False, highlight=False, emoji=False)
error_console = Console(stderr=True, markup=False, highlight=False, emoji=False)


def print_frame(frame: Any, title: str | None = None) -> None:
    """Prints a data frame as a table."""
    table = Table(title=title)
    for column in frame.columns:
        table.add_column(str(column), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row))
    console.print(table)
