"""The bodies of the service's responses, as OpenAPI describes them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from coverfusion.data.genre_sets import apart
from coverfusion.experiments.scoring.verdict import genre_thresholds
from coverfusion.fusion.bundle import Bundle

_COVER_ID = "5f1b5e0a3f0f4f0d8f6a6b8d5d3e9c1a7b2c4d6e8f0a1b3c5d7e9f1a3b5c7d9e"
_SCORED: dict[str, Any] = {
    "name": "cover.jpg",
    "cover_id": _COVER_ID,
    "genres": [{"genre": "Jazz", "probability": 0.61}, {"genre": "Rock", "probability": 0.22}],
    "abstain": False,
    "called": None,
    "genre_set": ["Jazz", "Rock"],
    "nearest_distance": 0.83,
    "out_of_distribution": False,
    "training_cover": False,
    "failed_blocks": None,
    "error": None,
}
_SEVERAL: dict[str, Any] = _SCORED | {
    "genres": [
        {"genre": "Jazz", "probability": 0.61, "reaches_threshold": True},
        {"genre": "Rock", "probability": 0.52, "reaches_threshold": True},
    ],
    "called": ["Jazz", "Rock"],
    "abstain": None,
    "genre_set": ["Jazz", "Rock", "Pop"],
}
_UNREAD: dict[str, Any] = {"name": "notes.txt", "cover_id": _COVER_ID, "genres": [], "error": "not a picture"}


class GenreProbability(BaseModel):
    """A genre with its probability."""

    genre: str
    probability: float = Field(ge=0, le=1, description="where covers have several genres, of it by itself")
    reaches_threshold: bool | None = Field(
        default=None,
        description="whether it reaches its threshold in `genre_thresholds` of /v1/model; none where covers "
        "have one genre",
    )


class ScoredPicture(BaseModel):
    """One picture of a request; where `error` says why it could not be read there are no genres."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SCORED, _SEVERAL, _UNREAD]})

    name: str = Field(description="the file name as it was sent")
    cover_id: str = Field(description="sha256 of the file, 64 hex digits")
    genres: list[GenreProbability] = Field(default=[], description="the most probable ones, the best first")
    called: list[str] | None = Field(
        default=None,
        description="of a model of several genres a cover: the genres that reach their thresholds, the most "
        "probable first; where none does, the one that comes nearest",
    )
    abstain: bool | None = Field(
        default=None, description="no prediction: the model is not sure enough for the target in force"
    )
    genre_set: list[str] | None = Field(
        default=None,
        description="genres that hold the true one as often as `set_coverage` of /v1/model says, or so many "
        "of a cover's several ones; the most probable first",
    )
    nearest_distance: float | None = Field(
        default=None, description="to the nearest training cover; no unit; none without a readable front"
    )
    out_of_distribution: bool | None = Field(
        default=None, description="looks like no training cover, so its genre means little"
    )
    training_cover: bool | None = Field(
        default=None,
        description="the model has learnt from this picture or one just like it: `genre_set` guarantees "
        "nothing of it",
    )
    failed_blocks: str | None = Field(
        default=None, description="blocks that could not be computed, with the reason"
    )
    warning: str | None = Field(
        default=None,
        description="what the model has learnt from and was not sent beside this picture: expect less than "
        "its figures and guarantees say",
    )
    error: str | None = Field(default=None, description="why the picture could not be read")


class Predictions(BaseModel):
    """One entry for each file, in the order of the request."""

    pictures: list[ScoredPicture]


class SimilarCover(BaseModel):
    """A training cover."""

    cover_id: str = Field(description="sha256 of the file, 64 hex digits")
    genre: str = Field(description="of a cover of several genres all of them, joined by `|`")
    genres: list[str] = Field(description="the same, apart")
    name: str = Field(description="file name, without folders")
    distance: float = Field(description="over all blocks; no unit, 0 = the same")


class SimilarCovers(BaseModel):
    """Training covers, the nearest first; the picture that was sent is none of them."""

    covers: list[SimilarCover]
    ignored: list[str] = Field(
        default=[], description="fields that were sent and do not count: likeness goes by the picture alone"
    )


class Health(BaseModel):
    """The service takes requests."""

    status: Literal["ready"]


class Block(BaseModel):
    """A block of features that the model uses."""

    columns: int
    preset: str
    fingerprint: str


class TargetsInForce(BaseModel):
    """When the model predicts, and what its sets of genres guarantee; proportions from 0 to 1."""

    target_error: float | None = Field(description="at most this proportion of predictions is wrong")
    target_coverage: float | None = Field(
        description="this proportion of covers, the most confident ones, gets a prediction"
    )
    set_coverage: float = Field(description="proportion of sets that hold the true genre")
    sets: str = Field(
        description="what `set_coverage` is over: by-genre (the covers of each genre), marginal (all), or "
        "of-its-genres (the genres of a cover that may have several, on average)"
    )
    thresholds: str = Field(
        description="by-genre where `target_error` is kept among the covers predicted as each genre; else "
        "marginal (over all covers)"
    )
    guarantee: str = Field(
        description="what sets hold and what targets come to, in words, and genres that every set holds"
    )


class ModelCard(BaseModel):
    """The model that predicts."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "classifier": "kernel_ridge",
                    "genres": ["Jazz", "Rock"],
                    "blocks": {"color": {"columns": 45, "preset": "packaged", "fingerprint": "color-1-9f…"}},
                    "targets": {
                        "target_error": 0.2,
                        "target_coverage": None,
                        "set_coverage": 0.9,
                        "sets": "by-genre",
                        "thresholds": "marginal",
                        "guarantee": "At most 20 % wrong among those answered, with 90 % confidence: …",
                    },
                    "detects_out_of_distribution": True,
                    "note": "",
                    "digest": _COVER_ID,
                    "version": "0.1.0",
                }
            ]
        }
    )

    classifier: str
    genres: list[str]
    blocks: dict[str, Block]
    targets: TargetsInForce | None = Field(
        description="none where the model has no held-out covers: it always predicts and names no sets"
    )
    genre_thresholds: dict[str, float] | None = Field(
        default=None,
        description="of a model of several genres a cover: the probability from which on a cover is called "
        "each; a genre that no cover is called has none",
    )
    metadata: dict[str, str] = Field(
        default={},
        description="column that may be sent as metadata beside a picture -> number, category or text",
    )
    takes_backs: bool = Field(default=False, description="whether a back may be sent beside a picture")
    detects_out_of_distribution: bool = Field(
        description="whether it can say that a picture looks like no training cover"
    )
    note: str = Field(description="what readers must know about the training collection")
    digest: str = Field(description="sha256 over the whole bundle")
    version: str = Field(description="of coverfusion")


class ProblemBody(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="which kind of error, as a URI")
    title: str = Field(description="the kind in words")
    status: int = Field(description="the HTTP status again")
    detail: str = Field(description="what is wrong with this request")
    pictures: list[ScoredPicture] | None = Field(default=None, description="the reason for each file")


def scored_picture(row: Mapping[Any, Any], bundle: Bundle) -> ScoredPicture:
    """A row of `score_chunk` with every genre named.

    Args:
        row: column -> value.
        bundle: that made it; what it cannot say is None.
    """
    ranks = sum(name.startswith("probability_") for name in row)
    pairs = [(row[f"genre_{n}"], row[f"probability_{n}"]) for n in range(1, ranks + 1)]
    distance = row.get("nearest_distance")
    optional: dict[str, Any] = {}
    if bundle.decision is not None:
        optional["abstain"] = bool(row["abstain"])
    learnt = row.get("learnt_from")
    optional["training_cover"] = None if learnt is None else bool(learnt)
    if bundle.decision is not None or bundle.several is not None:
        optional["genre_set"] = apart(row["genre_set"])
    if bundle.several is not None:
        optional["called"] = apart(row["genres"])
    if bundle.novelty is not None:
        new = row["out_of_distribution"]
        optional["out_of_distribution"] = None if new is None else bool(new)
    at = genre_thresholds(bundle)
    genres = [
        GenreProbability(
            genre=str(genre),
            probability=min(max(chance, 0.0), 1.0),
            reaches_threshold=None if bundle.several is None else chance >= at.get(str(genre), math.inf),
        )
        for genre, chance in pairs
    ]
    return ScoredPicture(
        name=row["path"],
        cover_id=row["cover_id"],
        genres=genres,
        nearest_distance=None if distance is None or not np.isfinite(distance) else float(distance),
        failed_blocks=row["failed_blocks"] or None,
        **optional,
    )


def similar_covers(nearest: pd.DataFrame, several: bool, ignored: Sequence[str] = ()) -> SimilarCovers:
    """The frame of `retrieval.similar.nearest_covers` without the folders of the machine that trained.

    Args:
        nearest: the covers.
        several: whether covers may have several genres, joined in `genre`.
        ignored: fields that were sent and do not count.
    """
    covers = [
        SimilarCover(
            cover_id=row["cover_id"],
            genre=str(row["genre"]),
            genres=apart(str(row["genre"])) if several else [str(row["genre"])],
            name=file_name(row["path"]),
            distance=row["distance"],
        )
        for row in nearest.to_dict("records")
    ]
    return SimilarCovers(covers=covers, ignored=list(ignored))


def file_name(path: str) -> str:
    """The last part of a path or of `zip!member`."""
    return re.split(r"[/\\!]", path)[-1]
