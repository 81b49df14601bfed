"""What is printed: a number and its unit stay on one line."""

import io

import pytest
from rich.text import Text

from coverfusion.experiments.pipeline.console import UnbrokenConsole, new_table


def _printed(*what: object, width: int = 12) -> list[str]:
    console = UnbrokenConsole(width=width, markup=False, highlight=False, emoji=False, file=io.StringIO())
    console.print(*what)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip(" ") for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("It brings 2.4 points", ["It brings", "2.4 points"]),
        ("it is right 5\u00a0% more", ["it is right", "5\u00a0% more"]),
        ("it is right 5 % more", ["it is right", "5 % more"]),
        ("has in all 2 pointers", ["has in all 2", "pointers"]),
    ],
)
def test_a_line_breaks_before_a_number_that_has_a_unit(text: str, lines: list[str]) -> None:
    assert _printed(text) == lines
    assert _printed(Text(text)) == lines


def test_cells_of_a_table_break_likewise() -> None:
    table = new_table(heads=False)
    table.add_column(overflow="fold")
    table.add_row("it is right 5\u00a0% more")
    assert _printed(table) == ["it is right", "5\u00a0% more"]
