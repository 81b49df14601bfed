"""The covers in the cells of a confusion matrix, as small pictures."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from coverfusion.experiments.drawing.thumbnails import sides_at
from coverfusion.experiments.pipeline.run_folder import Run

MOST_PICTURES = 120  # of all cells together: a page must stay small
MOST_IN_CELL = 6


@dataclass(frozen=True)
class CellCover:
    """A cover, the probability of its predicted genre, and data URIs; None where the file is gone.

    `back` is of its back, and None where it has none.
    """

    path: str
    probability: float
    picture: str | None
    back: str | None = None


@dataclass(frozen=True)
class Cell:
    """Covers of one genre that the model took for one genre.

    Attributes:
        anchor: where the page has them.
        count: all of them.
        shown: the most confident first.
    """

    anchor: str
    genre: str
    predicted: str
    count: int
    shown: list[CellCover]

    @property
    def cut(self) -> bool:
        """Whether some are not shown."""
        return self.count > len(self.shown)

    @property
    def title(self) -> str:
        """What is in it."""
        right = f"{self.genre}, predicted right"
        return right if self.genre == self.predicted else f"{self.genre} taken for {self.predicted}"


def cell_covers(run: Run, predictions: pd.DataFrame, covers: pd.DataFrame) -> dict[tuple[str, str], Cell]:
    """(true genre, predicted genre) -> its covers, the fullest cells first while there is room for pictures.

    Args:
        run: whose chosen model predicted.
        predictions: by cover_id: `genre`, `predicted`, `p_<genre>`.
        covers: frame with `cover_id`, `path` and, where sides are fused, `back_path`.
    """
    known = covers.drop_duplicates("cover_id").set_index("cover_id")
    probability = predictions.filter(regex="^p_").max(axis=1)
    ordered = predictions.loc[probability.sort_values(ascending=False, kind="stable").index]
    parts = sorted(ordered.groupby(["genre", "predicted"]), key=lambda part: -len(part[1]))
    each = max(MOST_PICTURES // max(len(parts), 1), 1)
    cells = {}
    for number, ((genre, predicted), part) in enumerate(parts[:MOST_PICTURES], 1):
        shown = [
            CellCover(run.shorten(known["path"][one]), float(probability[one]), *sides_at(known, one))
            for one in part.index[: min(each, MOST_IN_CELL)]
        ]
        key = (str(genre), str(predicted))
        cells[key] = Cell(f"cell-{number}", *key, len(part), shown)
    return cells
