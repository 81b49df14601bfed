"""The most confident mistakes of a model, as pictures beside their nearest training covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from coverfusion.data.genre_sets import apart
from coverfusion.experiments.drawing.thumbnails import data_uri, sides_at
from coverfusion.experiments.pipeline.predicted_genres import SAYS, genres_of, predicted_of, several
from coverfusion.experiments.pipeline.run_folder import Run
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.similarity.training_index import TrainingIndex

SHOWN_MISTAKES = 12  # shown, the most confident first
SHOWN_NEIGHBOURS = 5  # neighbours beside each


@dataclass(frozen=True)
class NearCover:
    """A training cover near a mistake; `verdict`: "right" or "wrong" by its genres, or ""."""

    genre: str
    picture: str | None
    verdict: str


@dataclass(frozen=True)
class Mistake:
    """A cover whose genre the chosen model got wrong; pictures are data URIs, None = cannot be read.

    Attributes:
        path: as seen from beside the collection.
        genre: the true one, or the true ones, joined.
        predicted: the wrong genre; of several that the cover is called wrongly the most probable one.
        own: true genre -> the probability that it was given.
        called: what the cover is called -> probability, the wrong one first.
        picture: of the cover.
        back: of its back; None also where it has none.
        neighbours: training covers, the nearest first.
    """

    path: str
    genre: str
    predicted: str
    own: dict[str, float]
    called: dict[str, float]
    picture: str | None
    back: str | None
    neighbours: list[NearCover]


def confident_mistakes(
    run: Run,
    predictions: pd.DataFrame,
    neighbours: TrainingIndex,
    table: FeatureTable,
    covers: pd.DataFrame,
) -> list[Mistake]:
    """The wrong predictions with the highest probability, with their nearest training covers.

    Of covers of several genres those that are called a genre that they do not have.
    """
    sets = several(predictions)
    wrong = _wrongly_called(predictions) if sets else predictions
    wrong = wrong[wrong["predicted"] != wrong["genre"]].reset_index()
    if not sets:
        wrong["probability"] = wrong.filter(regex="^p_").max(axis=1)
    sure = wrong.sort_values("probability", ascending=False, kind="stable").head(SHOWN_MISTAKES)
    if sure.empty:
        return []
    known = covers.drop_duplicates("cover_id").set_index("cover_id")
    near = _nearest(run.folds(covers), sure["cover_id"].tolist(), neighbours, table)
    mistakes = []
    for row, nearest in zip(sure.to_dict(orient="records"), near, strict=True):
        front, back = sides_at(known, row["cover_id"])
        own, wrong_one = _parts(row["genre"], sets), row["predicted"]
        called = [name for name in genres_of(predictions) if row.get(f"{SAYS}{name}", name == wrong_one)]
        called.sort(key=lambda name: (name != wrong_one, -row[f"p_{name}"]))
        shown = [
            NearCover(genre, picture, _verdict(_parts(genre, sets), own, wrong_one))
            for genre, picture in nearest
        ]
        mistakes.append(
            Mistake(
                path=run.shorten(known["path"][row["cover_id"]]),
                genre=row["genre"],
                predicted=wrong_one,
                own={name: row[f"p_{name}"] for name in own},
                called={name: row[f"p_{name}"] for name in called},
                picture=front,
                back=back,
                neighbours=shown,
            )
        )
    return mistakes


def _wrongly_called(predictions: pd.DataFrame) -> pd.DataFrame:
    """Covers called a genre that they lack: the most probable of these as `predicted`, its `probability`."""
    found = predicted_of(predictions)
    wrong = np.where(found.named & ~found.truth, found.proba, -1.0)
    names = np.array(found.genres, dtype=object)[wrong.argmax(axis=1)]
    given = predictions.assign(predicted=names, probability=wrong.max(axis=1))
    return given[given["probability"] >= 0]


def _verdict(near: list[str], own: list[str], wrong: str) -> str:
    """Whether a neighbour shares a true genre, or has the wrong one."""
    return "right" if set(near) & set(own) else "wrong" if wrong in near else ""


def _parts(genre: str, sets: bool) -> list[str]:
    return apart(genre) if sets else [genre]


def _nearest(
    folds: pd.Series | None, cover_ids: list[str], neighbours: TrainingIndex, table: FeatureTable
) -> list[list[tuple[str, str | None]]]:
    """Genre and picture of the nearest training covers of each: under folds, of the other folds only."""
    X = table.rows(cover_ids).frame()
    if folds is None:
        nearest = neighbours.query(X, SHOWN_NEIGHBOURS)
    else:
        # about one in K is of the cover's own fold; the slack makes a shortage of neighbours unlikely
        nearest = neighbours.query(X, 10 * SHOWN_NEIGHBOURS)
        nearest = [
            near[folds[near["cover_id"]].to_numpy() != folds[cover_id]]
            for cover_id, near in zip(cover_ids, nearest, strict=True)
        ]
    return [list(_pictured(near.head(SHOWN_NEIGHBOURS), neighbours)) for near in nearest]


def _pictured(near: pd.DataFrame, neighbours: TrainingIndex) -> Iterable[tuple[str, str | None]]:
    pictures = neighbours.thumbnails(near["cover_id"].tolist())
    for genre, content in zip(near["genre"], pictures, strict=True):
        yield str(genre), data_uri(content) if content else None
