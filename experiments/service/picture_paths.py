"""The paths that take pictures: predict, explain, similar."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pandas as pd
import PIL.Image
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import to_json

from coverfusion.data.errors import did_you_mean as nearest_name
from coverfusion.data.pictures import PictureError
from coverfusion.experiments.scoring.score import rows_name
from coverfusion.experiments.service.beside import BACKS_FIELD, METADATA_FIELD
from coverfusion.experiments.service.problems import PROBLEM_KINDS, Problem, described
from coverfusion.experiments.service.schemas import (
    Predictions,
    ScoredPicture,
    SimilarCovers,
    file_name,
    similar_covers,
)
from coverfusion.experiments.service.served_model import Service
from coverfusion.experiments.service.uploads import Picture, body_schema, decode_uploads, read_uploads

# An explanation runs the image network 50 times: it takes as many places as the pictures it holds up.
PLACES_OF_EXPLANATION = 32
_UPLOAD_PROBLEMS = (
    "bad-request",
    "method-not-allowed",
    "timeout",
    "too-large",
    "not-multipart",
    "invalid",
    "unreadable-pictures",
    "too-many-requests",
    "internal",
    "unable",
    "busy",
)


def add_predict(app: FastAPI, service: Service, key: list[Any], key_problems: tuple[str, ...]) -> None:
    """Adds `/v1/predict`: the genres of one or many pictures.

    Args:
        app: gets the path.
        service: what it shares with the other paths.
        key: dependencies that ask for the key.
        key_problems: what these may answer.
    """
    most, named = service.limits.pictures, rows_name(service.bundle, None)

    @app.post(
        "/v1/predict",
        response_model=Predictions,
        dependencies=key,
        openapi_extra=body_schema(most, service.bundle),
        responses=described(*key_problems, *_UPLOAD_PROBLEMS),
        tags=["pictures"],
    )
    async def predict(
        request: Request, top_k: int = Query(named, ge=1, le=max(100, named), description="genres a picture")
    ) -> Predictions:
        """The most probable genres of one or many pictures."""
        uploads = await read_uploads(request, service.limits, most, service.bundle)
        with service.batches.places(sum(upload.files for upload in uploads)):
            pictures = await decode_uploads(uploads, service.threads, service.slow)
            good = [picture for picture in pictures if picture.readable]
            _count(service, len(good), len(pictures) - len(good))
            if not good:
                raise _unreadable(pictures)
            scored = iter(await service.batches.together(good))
        rows = [next(scored) if picture.readable else _unread(picture) for picture in pictures]
        return Predictions(pictures=[row.model_copy(update={"genres": row.genres[:top_k]}) for row in rows])


def add_explain(app: FastAPI, service: Service, key: list[Any], key_problems: tuple[str, ...]) -> None:
    """Adds `/v1/explain`: why one picture gets its genre.

    Args:
        app: gets the path.
        service: what it shares with the other paths.
        key: dependencies that ask for the key.
        key_problems: what these may answer.
    """
    named = rows_name(service.bundle, None)
    shown: dict[str, Any] = {
        "description": "The explanation: a JSON object, or a picture where one is asked for",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "image/png": {"schema": {"type": "string", "format": "binary"}},
        },
    }

    @app.post(
        "/v1/explain",
        response_class=JSONResponse,
        response_model=None,
        dependencies=key,
        openapi_extra=body_schema(1, service.bundle),
        responses=described(*key_problems, *_UPLOAD_PROBLEMS) | {200: shown},
        tags=["pictures"],
    )
    async def explain(
        request: Request,
        top_k: int = Query(named, ge=1, le=max(100, named), description="genres that are named"),
        attention: bool = Query(True, description="show which parts matter to the image network; slow"),
        picture: bool = Query(False, description="respond with a PNG, as Accept: image/png does"),
    ) -> Response:
        """Why one picture gets its genre: blocks, features, what was found on it, the nearest covers."""
        from coverfusion.experiments.explanation.explain import explain_picture
        from coverfusion.experiments.explanation.figure import draw_explanation

        drawn = picture or request.headers.get("accept", "").lower().startswith("image/png")

        def work(image: PIL.Image.Image, sent: Picture) -> Response:
            count = min(top_k, len(service.bundle.classes))
            known = pd.DataFrame([dict(sent.known)]) if sent.known else None
            explanation = explain_picture(
                service.bundle, service.extractors, image, count, attention, service.targets, sent.back, known
            )
            if drawn:
                return Response(_png(draw_explanation(explanation)), media_type="image/png")
            return Response(to_json(_without_folders(explanation.as_json())), media_type="application/json")

        return await _alone(request, service, work, min(PLACES_OF_EXPLANATION, service.limits.waiting))


def add_similar(app: FastAPI, service: Service, key: list[Any], key_problems: tuple[str, ...]) -> None:
    """Adds `/v1/similar`: the training covers nearest to one picture.

    Args:
        app: gets the path.
        service: what it shares with the other paths.
        key: dependencies that ask for the key.
        key_problems: what these may answer.
    """
    genres = [str(name) for name in service.bundle.classes]

    @app.post(
        "/v1/similar",
        response_model=SimilarCovers,
        dependencies=key,
        openapi_extra=body_schema(1),
        responses=described(*key_problems, "not-found", *_UPLOAD_PROBLEMS),
        tags=["pictures"],
    )
    async def similar(
        request: Request,
        k: int = Query(5, ge=1, le=100, description="how many"),
        genre: list[str] = Query(  # noqa: B008
            [],
            description="only these genres",
            json_schema_extra={"items": {"type": "string", "enum": genres}},
        ),
        diversity: float = Query(0.0, ge=0, le=1, description="0 = the nearest, 1 = as different as can be"),
    ) -> SimilarCovers:
        """The training covers that are nearest to one picture, without the picture itself."""
        from coverfusion.experiments.retrieval.similar import nearest_covers

        if service.bundle.neighbours is None:
            raise Problem("not-found", PROBLEM_KINDS["not-found"][2])
        for name in genre:
            if name not in genres:
                raise Problem(
                    "invalid", f"query.genre: there is no genre '{name}'.{nearest_name(name, genres)}"
                )

        def work(image: PIL.Image.Image, sent: Picture) -> SimilarCovers:
            nearest = nearest_covers(
                service.bundle, service.extractors, image, k, genre or None, diversity, sent.cover_id
            )
            beside = {BACKS_FIELD: sent.back is not None, METADATA_FIELD: bool(sent.known)}
            ignored = [name for name, was_sent in beside.items() if was_sent]
            return similar_covers(nearest, service.bundle.several is not None, ignored)

        return await _alone(request, service, work, 1)


async def _alone(request: Request, service: Service, work: Any, places: int) -> Any:
    """Work with the one picture of a request, on the model's thread."""
    uploads = await read_uploads(request, service.limits, 1, service.bundle)
    with service.batches.places(places):
        (picture,) = await decode_uploads(uploads, service.threads, service.slow)
        image = picture.image
        _count(service, *((0, 1) if isinstance(image, PictureError) else (1, 0)))
        if isinstance(image, PictureError):
            raise _unreadable([picture])
        return await service.batches.alone(lambda: work(image, picture))


def _count(service: Service, good: int, bad: int) -> None:
    service.metrics.pictures.labels("read").inc(good)
    service.metrics.pictures.labels("unreadable").inc(bad)


def _unread(picture: Picture) -> ScoredPicture:
    return ScoredPicture(name=picture.name, cover_id=picture.cover_id, error=str(picture.image))


def _unreadable(pictures: Sequence[Picture]) -> Problem:
    first = f"{pictures[0].name}: {pictures[0].image}"
    more = f" (and {len(pictures) - 1} more)" if len(pictures) > 1 else ""
    rows = [_unread(picture).model_dump() for picture in pictures]
    return Problem("unreadable-pictures", first + more, pictures=rows)


def _png(image: PIL.Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _without_folders(explanation: dict[str, Any]) -> dict[str, Any]:
    """The same, its neighbours without the folders of the machine that trained."""
    neighbours = [
        {key: value for key, value in one.items() if key != "path"} | {"name": file_name(one["path"])}
        for one in explanation["neighbours"]
    ]
    return explanation | {"neighbours": neighbours}
