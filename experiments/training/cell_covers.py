"""The covers in the cells of a confusion matrix, as small pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from coverfusion.experiments.drawing.thumbnails import sides_at
from coverfusion.experiments.pipeline.predicted_genres import predicted_of, several
from coverfusion.experiments.pipeline.run_folder import Run

MOST_PICTURES = 120  # of all cells together: a page must stay small
MOST_IN_CELL = 6


@dataclass(frozen=True)
class CellCover:
    """A cover, the probability of the genre that it was called, and data URIs; None where the file is gone.

    `back` is of its back, and None where it has none.
    """

    path: str
    probability: float
    picture: str | None
    back: str | None = None


@dataclass(frozen=True)
class Cell:
    """Covers of one genre that the model took for one genre.

    A cover of several genres is in the cell of each that it has, with the same genre where it was called so,
    and with each that it was called and lacks.

    Attributes:
        anchor: where the page has them.
        count: all of them.
        shown: the most confident first.
        sets: whether a cover may have several genres.
    """

    anchor: str
    genre: str
    predicted: str
    count: int
    shown: list[CellCover]
    sets: bool = False

    @property
    def cut(self) -> bool:
        """Whether some are not shown."""
        return self.count > len(self.shown)

    @property
    def title(self) -> str:
        """What is in it."""
        if self.sets:
            wrongly = f"wrongly called {self.predicted}"
            return f"{self.genre}, {'rightly called so' if self.genre == self.predicted else wrongly}"
        right = f"{self.genre}, predicted right"
        return right if self.genre == self.predicted else f"{self.genre} taken for {self.predicted}"


def cell_covers(run: Run, predictions: pd.DataFrame, covers: pd.DataFrame) -> dict[tuple[str, str], Cell]:
    """(true genre, predicted genre) -> its covers, the fullest cells first while there is room for pictures.

    Args:
        run: whose chosen model predicted.
        predictions: by cover_id: `genre`, `predicted`, `p_<genre>` and, of several genres, `says_<genre>`.
        covers: frame with `cover_id`, `path` and, where sides are fused, `back_path`.
    """
    known = covers.drop_duplicates("cover_id").set_index("cover_id")
    sets = several(predictions)
    named = _called(predictions) if sets else predictions.reset_index()
    if not sets:
        named["probability"] = named.filter(regex="^p_").max(axis=1)
    ordered = named.sort_values("probability", ascending=False, kind="stable")
    parts = sorted(ordered.groupby(["genre", "predicted"]), key=lambda part: -len(part[1]))
    each = max(MOST_PICTURES // max(len(parts), 1), 1)
    cells = {}
    for number, ((genre, predicted), part) in enumerate(parts[:MOST_PICTURES], 1):
        shown = [
            CellCover(run.shorten(known["path"][one]), float(probability), *sides_at(known, one))
            for one, probability in part[["cover_id", "probability"]].head(min(each, MOST_IN_CELL)).to_numpy()
        ]
        key = (str(genre), str(predicted))
        cells[key] = Cell(f"cell-{number}", *key, len(part), shown, sets)
    return cells


def _called(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row a cover, a genre it has and one it was called: the same, or another that it lacks."""
    found = predicted_of(predictions)
    called = found.truth[:, :, None] & found.named[:, None, :]
    own = np.eye(len(found.genres), dtype=bool)
    rows, genre, predicted = np.nonzero(called & (own | ~found.truth[:, None, :]))
    names = np.array(found.genres, dtype=object)
    return pd.DataFrame(
        {
            "cover_id": predictions.index.to_numpy()[rows],
            "genre": names[genre],
            "predicted": names[predicted],
            "probability": found.proba[rows, predicted],
        }
    )
