"""The most confident mistakes of a model, as pictures beside their nearest training covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from coverfusion.data.genre_sets import SEPARATOR
from coverfusion.experiments.drawing.thumbnails import data_uri, picture_at
from coverfusion.experiments.pipeline.predicted_genres import predicted_of, several
from coverfusion.experiments.pipeline.run_folder import Run
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.similarity.training_index import TrainingIndex

SHOWN_MISTAKES = 12  # shown, the most confident first
SHOWN_NEIGHBOURS = 5  # neighbours beside each


@dataclass(frozen=True)
class NearCover:
    """A training cover near a mistake."""

    genre: str
    picture: str | None


@dataclass(frozen=True)
class Mistake:
    """A cover whose genre the chosen model got wrong; pictures are data URIs, None = cannot be read."""

    path: str
    genre: str
    predicted: str
    probability: float
    own_probability: float
    picture: str | None
    neighbours: list[NearCover]


def confident_mistakes(
    run: Run,
    predictions: pd.DataFrame,
    neighbours: TrainingIndex,
    table: FeatureTable,
    covers: pd.DataFrame,
) -> list[Mistake]:
    """The wrong predictions with the highest probability, with their nearest training covers.

    Of covers of several genres those whose most probable genre is none of theirs.
    """
    if several(predictions):
        predictions = _first_named(predictions)
    wrong = predictions[predictions["predicted"] != predictions["genre"]].reset_index()
    wrong["probability"] = wrong.filter(regex="^p_").max(axis=1)
    sure = wrong.sort_values("probability", ascending=False, kind="stable").head(SHOWN_MISTAKES)
    if sure.empty:
        return []
    sets = run.several
    paths = covers.drop_duplicates("cover_id").set_index("cover_id")["path"]
    near = _nearest(run.folds(covers), sure["cover_id"].tolist(), neighbours, table)
    return [
        Mistake(
            path=run.shorten(paths[row["cover_id"]]),
            genre=row["genre"],
            predicted=row["predicted"],
            probability=row["probability"],
            own_probability=max(row[f"p_{genre}"] for genre in _parts(row["genre"], sets)),
            picture=picture_at(paths[row["cover_id"]]),
            neighbours=nearest,
        )
        for row, nearest in zip(sure.to_dict(orient="records"), near, strict=True)
    ]


def _first_named(predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions by the most probable genre; where it is one of a cover's own, as the cover has them."""
    found = predicted_of(predictions)
    first = found.proba.argmax(axis=1)
    own = found.truth[np.arange(len(first)), first]
    named = np.where(own, predictions["genre"], np.array(found.genres, dtype=object)[first])
    return predictions.assign(predicted=named)


def _parts(genre: str, sets: bool) -> list[str]:
    return genre.split(SEPARATOR) if sets else [genre]


def _nearest(
    folds: pd.Series | None, cover_ids: list[str], neighbours: TrainingIndex, table: FeatureTable
) -> list[list[NearCover]]:
    """For each cover its nearest training covers: under folds, those of the other folds only."""
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


def _pictured(near: pd.DataFrame, neighbours: TrainingIndex) -> Iterable[NearCover]:
    pictures = neighbours.thumbnails(near["cover_id"].tolist())
    for genre, content in zip(near["genre"], pictures, strict=True):
        yield NearCover(str(genre), data_uri(content) if content else None)
