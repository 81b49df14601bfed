"""The one console, and tables printed on it."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

# a space that a line must not be broken at: one that says so, and one between a number and its unit
_KEPT = re.compile(r"\u00a0|(?<=\d) (?=(?:%|points?|MB|GB|s|seconds?|minutes?)(?!\w))")
_COMMAND = re.compile(r"`[^`\n]{1,60}`|pip install \S+")  # ready to paste: on one line too
# letters of no script stand for the two spaces while rich breaks lines, as it breaks at any space
_STAND_INS = {"\u00a0": "\ue000", " ": "\ue001"}
_SPACES = str.maketrans({letter: space for space, letter in _STAND_INS.items()})


class UnbrokenConsole(Console):
    """A console that keeps a number and its unit, and all that a non-breaking space joins, on one line."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of something printed."""
        if isinstance(renderable, str):
            renderable = _joined(renderable)
        elif isinstance(renderable, Text):
            renderable = renderable.copy()
            renderable.plain = _joined(renderable.plain)
        for text, style, control in super().render(renderable, options):
            yield Segment(text.translate(_SPACES), style, control)


def _joined(text: str) -> str:
    text = _COMMAND.sub(lambda command: command.group().replace(" ", _STAND_INS[" "]), text)
    return _KEPT.sub(lambda space: _STAND_INS[space.group()], text)


# what is printed is data: genres and paths with [brackets] or :colons: stay as they are; colour is asked
# for by `style=` or `rich.text.Text`
console = UnbrokenConsole(markup=False, highlight=False, emoji=False)
error_console = UnbrokenConsole(stderr=True, markup=False, highlight=False, emoji=False)


def print_lines(text: str, on: Console = console, style: str | None = None) -> None:
    """Prints sentences in lines of the console's width; a path in them stays whole, however long."""
    lines = [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(
            _joined(paragraph), on.width, break_long_words=False, break_on_hyphens=False
        )
    ]
    on.print("\n".join(lines), style=style, soft_wrap=True)


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
