"""A table of numbers whose cells are coloured by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from coverfusion.experiments.drawing.charts import LETTER, text_width, wrapped

CELL_HEIGHT, LEAST_CELL, HEADING_LINE = 46, 76, 20  # pixels
WIDEST_NAME = 12  # letters in a line of a column's name


@dataclass(frozen=True)
class HeatCell:
    """One cell.

    Attributes:
        text: what it says.
        depth: of its colour, 1 for the largest value of all, -1 for its opposite.
        below: a second, smaller line.
        strong: in bold.
    """

    text: str
    depth: float
    below: str = ""
    strong: bool = False


@dataclass(frozen=True)
class HeatMap:
    """Rows of cells; None where there is nothing to say.

    Attributes:
        title: begins the text alternative.
        rows: their names.
        columns: their names.
        cells: row by row.
        row_label: what the rows are.
        column_label: what the columns are.
    """

    template: ClassVar[str] = "heatmap.svg"
    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[HeatCell | None]]
    row_label: str = ""
    column_label: str = ""

    @property
    def headings(self) -> list[list[str]]:
        """Each column's name in lines."""
        return [wrapped(name, WIDEST_NAME) for name in self.columns]

    @property
    def cell(self) -> float:
        """Width of a cell, in pixels."""
        texts = [text_width(line) for lines in self.headings for line in lines]
        texts += [text_width(cell.text) for row in self.cells for cell in row if cell]
        return max(LEAST_CELL, 10 + LETTER * max(texts))

    @property
    def left(self) -> float:
        """Where cells begin: names of rows stand before."""
        return 14 + LETTER * max(text_width(name) for name in [*self.rows, self.row_label])

    @property
    def top(self) -> int:
        """Where cells begin, below the names of columns."""
        return HEADING_LINE * (max(map(len, self.headings)) + 1) + 6

    @property
    def width(self) -> float:
        """Of the chart, in pixels."""
        return self.left + self.cell * len(self.columns) + 2

    @property
    def height(self) -> int:
        """Of the chart, in pixels."""
        return self.top + CELL_HEIGHT * len(self.rows) + 2

    @property
    def words(self) -> str:
        """The title and every cell."""
        said = [
            f"{row}, {column}: {cell.text}{f' {cell.below}' if cell.below else ''}"
            for row, cells in zip(self.rows, self.cells, strict=True)
            for column, cell in zip(self.columns, cells, strict=True)
            if cell
        ]
        return f"{self.title}. {'; '.join(said)}."


def confusion_map(counts: pd.DataFrame, covers: pd.Series | None = None) -> HeatMap:
    """A confusion matrix: the proportion of each true genre, and covers; the deepest colour is the largest.

    Args:
        counts: (k, k) covers, rows true genres, columns predicted ones.
        covers: of each true genre, where a cover may be in several cells; None: the sums of the rows.
    """
    whole = counts.sum(axis=1) if covers is None else covers.loc[counts.index]
    proportions = counts.div(whole.replace(0, 1), axis=0)
    most = max(float(proportions.to_numpy().max()), 1e-9)
    cells = [
        [
            HeatCell(
                text=f"{100 * proportions.loc[true, named]:.0f}\u00a0%",
                depth=round(float(proportions.loc[true, named]) / most, 3),
                below=f"{int(counts.loc[true, named]):,}",
                strong=true == named,
            )
            for named in counts.columns
        ]
        for true in counts.index
    ]
    rows, columns = (list(map(str, names)) for names in (counts.index, counts.columns))
    return HeatMap("Confusion matrix", rows, columns, cells, "true genre", "predicted genre")
