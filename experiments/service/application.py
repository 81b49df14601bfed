"""The prediction service: an application that serves a bundle's model over HTTP.

Nothing that takes long runs on the event loop: pictures are decoded in threads, and one thread owns the
model, so that pictures of many requests become one batch and its cores are not asked for twice.
"""

from __future__ import annotations

import io
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import PIL.Image
from fastapi import Depends, FastAPI, Query, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from fastapi.security import APIKeyHeader
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic_core import to_json
from starlette.types import ASGIApp, Receive, Scope, Send

from coverfusion.data.decoder_process import DECODER
from coverfusion.data.errors import UserError
from coverfusion.data.errors import did_you_mean as nearest_name
from coverfusion.data.pictures import PictureError
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.open_files import allow_open_files
from coverfusion.experiments.scoring.score import bundle_extractors, check_targets, score_chunk, table_of
from coverfusion.experiments.scoring.verdict import note_of
from coverfusion.experiments.service.batches import Batches
from coverfusion.experiments.service.limits import Gate, Limits
from coverfusion.experiments.service.listening import bound_socket
from coverfusion.experiments.service.metrics import Measure, Metrics
from coverfusion.experiments.service.problems import PROBLEM_KINDS, Problem, described, handle_problems
from coverfusion.experiments.service.schemas import (
    Block,
    Health,
    ModelCard,
    Predictions,
    ProblemBody,
    ScoredPicture,
    SimilarCovers,
    TargetsInForce,
    file_name,
    scored_picture,
    similar_covers,
)
from coverfusion.experiments.service.uploads import Picture, body_schema, decode_uploads, read_uploads
from coverfusion.features.memory import share_heaps
from coverfusion.features.registry import Extractor
from coverfusion.fusion.bundle import Bundle, load_bundle
from coverfusion.fusion.uncertainty.decision import MARGINAL, NO_TARGETS, Targets, kind_of_sets
from coverfusion.fusion.uncertainty.guarantees import guarantee

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
GRACE_SECONDS = 60  # from SIGTERM to the end, at most
STOP_SECONDS = 5  # of these, for threads whose work nobody waits for any more
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
_log = logging.getLogger("uvicorn.error")
_ABOUT = """Genres of album covers, predicted from the picture alone.

Pictures are sent as files in the field `pictures` of a `multipart/form-data` body. In `/v1/predict` a file
that is no picture gets an `error` beside the results of the others; where none can be read, the response is
422. Every error is `application/problem+json`."""


@dataclass
class Service:
    """What the paths of one application share."""

    bundle: Bundle
    extractors: Sequence[Extractor]
    limits: Limits
    metrics: Metrics
    targets: Targets
    batches: Batches[Picture] = field(init=False)
    threads: ThreadPoolExecutor = field(init=False)  # they decode
    slow: ThreadPoolExecutor = field(init=False)  # one that decodes what may take long
    decoders: list[threading.Thread] = field(init=False, default_factory=list)  # the threads themselves
    starting: str = "The model is being loaded."  # why it is not ready; empty once it is

    def __post_init__(self) -> None:
        self.batches = Batches(self.score, self.limits.waiting, self.metrics.batch)

    def start(self) -> None:
        """Starts the threads; the model's begins with loading the weights."""
        self.threads, self.slow = (
            ThreadPoolExecutor(
                count, name, initializer=lambda: self.decoders.append(threading.current_thread())
            )
            for name, count in (("decode", CORES), ("decode-slow", 1))
        )
        self.slow.submit(DECODER.start)  # the first picture would wait for it, and says why if it fails
        self.batches.start(self.warm_up)

    def stop(self) -> None:
        """Ends the threads; those that work on do so for STOP_SECONDS at most.

        Requests have been answered or given up by then: nobody waits for what is still being worked on.
        """
        end = time.monotonic() + STOP_SECONDS
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.slow.shutdown(wait=False, cancel_futures=True)
        self.batches.stop(STOP_SECONDS)
        for thread in self.decoders:
            thread.join(max(0.0, end - time.monotonic()))
        if self.is_decoding():
            _log.warning("A picture took too long to decode; it is given up.")

    def is_decoding(self) -> bool:
        """Whether a thread decodes that cannot be ended."""
        return any(thread.is_alive() for thread in self.decoders)

    def score(self, pictures: Sequence[Picture]) -> list[ScoredPicture]:
        """All genres of decoded pictures; to be called on the model's thread."""
        chunk = [(picture.cover_id, picture.name, picture.image) for picture in pictures]
        rows = score_chunk(self.bundle, self.extractors, chunk, len(self.bundle.classes), self.targets)
        abstains, detects = self.bundle.decision is not None, self.bundle.novelty is not None
        return [scored_picture(row, abstains, detects) for row in rows.to_dict("records")]

    def warm_up(self) -> None:
        """Loads the weights, with as many threads for torch as there are cores."""
        import torch

        torch.set_num_threads(CORES)
        try:
            image = PIL.Image.effect_noise((300, 300), 64).convert("RGB")
            self.bundle.predict_proba(table_of([image], self.extractors)[0])
            self.starting = ""
        except Exception as error:  # noqa: BLE001 - whatever fails, /v1/health says so and the process lives
            self.starting = f"The model cannot be loaded: {type(error).__name__}."
            _log.exception("The model cannot be loaded")


def make_service(
    bundle_folder: str | os.PathLike[str],
    limits: Limits | None = None,
    api_key: str | None = None,
    targets: Targets = NO_TARGETS,
) -> FastAPI:
    """The application that serves a bundle.

    Args:
        bundle_folder: the fitted model.
        limits: on requests; the defaults of `Limits` if left out.
        api_key: asked for in the header X-API-Key on all paths under /v1/ but /v1/health; None: nobody is
            asked.
        targets: when to abstain, and what the sets of genres guarantee.

    Raises:
        UserError: a broken bundle, weights that are not here, or targets for a bundle without held-out
            covers.
    """
    bundle = load_bundle(bundle_folder)
    check_targets(bundle, targets)
    service = Service(bundle, bundle_extractors(bundle), limits or Limits(), Metrics(), targets)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        service.stop()

    app = FastAPIOffline(  # FastAPI, with the files of /docs from a package instead of the network
        title="coverfusion",
        version=_version(),
        description=_ABOUT,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    key = [Depends(APIKeyHeader(name="X-API-Key", auto_error=False))] if api_key else []
    key.append(Depends(_only_known_parameters))
    key_problems = ("no-key",) if api_key else ()
    _add_predict(app, service, key, key_problems)
    _add_explain(app, service, key, key_problems)
    _add_similar(app, service, key, key_problems)
    _add_facts(app, service, key, key_problems)
    handle_problems(app)
    paths = {route.path for route in app.routes if hasattr(route, "path")}
    app.add_middleware(_head_as_get)
    app.add_middleware(Gate, limits=service.limits, api_key=api_key)
    app.add_middleware(Measure, metrics=service.metrics, paths=paths)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _add_predict(app: FastAPI, service: Service, key: list[Any], key_problems: tuple[str, ...]) -> None:
    most = service.limits.pictures

    @app.post(
        "/v1/predict",
        response_model=Predictions,
        dependencies=key,
        openapi_extra=body_schema(most),
        responses=described(*key_problems, *_UPLOAD_PROBLEMS),
        tags=["pictures"],
    )
    async def predict(
        request: Request, top_k: int = Query(3, ge=1, le=100, description="genres a picture")
    ) -> Predictions:
        """The most probable genres of one or many pictures."""
        uploads = await read_uploads(request, service.limits, most)
        with service.batches.places(len(uploads)):
            pictures = await decode_uploads(uploads, service.threads, service.slow)
            good = [picture for picture in pictures if not isinstance(picture.image, PictureError)]
            _count(service, len(good), len(pictures) - len(good))
            if not good:
                raise _unreadable(pictures)
            scored = iter(await service.batches.together(good))
        rows = [_unread(p) if isinstance(p.image, PictureError) else next(scored) for p in pictures]
        return Predictions(pictures=[row.model_copy(update={"genres": row.genres[:top_k]}) for row in rows])


def _add_explain(app: FastAPI, service: Service, key: list[Any], key_problems: tuple[str, ...]) -> None:
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
        openapi_extra=body_schema(1),
        responses=described(*key_problems, *_UPLOAD_PROBLEMS) | {200: shown},
        tags=["pictures"],
    )
    async def explain(
        request: Request,
        top_k: int = Query(3, ge=1, le=100, description="genres that are named"),
        attention: bool = Query(True, description="show which parts matter to the image network; slow"),
        picture: bool = Query(False, description="respond with a PNG, as Accept: image/png does"),
    ) -> Response:
        """Why one picture gets its genre: blocks, features, what was found on it, the nearest covers."""
        from coverfusion.experiments.explanation.explain import explain_picture
        from coverfusion.experiments.explanation.figure import draw_explanation

        drawn = picture or request.headers.get("accept", "").lower().startswith("image/png")

        def work(image: PIL.Image.Image) -> Response:
            count = min(top_k, len(service.bundle.classes))
            explanation = explain_picture(
                service.bundle, service.extractors, image, count, attention, service.targets
            )
            if drawn:
                return Response(_png(draw_explanation(explanation)), media_type="image/png")
            return Response(to_json(_without_folders(explanation.as_json())), media_type="application/json")

        return await _alone(request, service, work, min(PLACES_OF_EXPLANATION, service.limits.waiting))


def _add_similar(app: FastAPI, service: Service, key: list[Any], key_problems: tuple[str, ...]) -> None:
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
        """The training covers that are nearest to one picture."""
        from coverfusion.experiments.retrieval.similar import nearest_covers

        if service.bundle.neighbours is None:
            raise Problem("not-found", PROBLEM_KINDS["not-found"][2])
        for name in genre:
            if name not in genres:
                raise Problem(
                    "invalid", f"query.genre: there is no genre '{name}'.{nearest_name(name, genres)}"
                )

        def work(image: PIL.Image.Image) -> SimilarCovers:
            nearest = nearest_covers(service.bundle, service.extractors, image, k, genre or None, diversity)
            return similar_covers(nearest)

        return await _alone(request, service, work, 1)


def _add_facts(app: FastAPI, service: Service, key: list[Any], key_problems: tuple[str, ...]) -> None:
    open_to_all = described("method-not-allowed", "internal")

    @app.get("/", include_in_schema=False)
    async def start() -> dict[str, str]:
        """Where to go on."""
        return {"service": app.title, "version": app.version, "openapi": "/openapi.json", "docs": "/docs"}

    @app.get(
        "/v1/health", response_model=Health, responses=described("method-not-allowed", "internal", "starting")
    )
    async def health() -> Health:
        """Whether the model is loaded; needs no key."""
        if service.starting:
            raise Problem("starting", service.starting, {"Retry-After": "1"})
        return Health(status="ready")

    @app.get(
        "/v1/model",
        response_model=ModelCard,
        dependencies=key,
        responses=described(*key_problems, "invalid", "too-many-requests", "method-not-allowed", "internal"),
    )
    async def model() -> ModelCard:
        """The model that predicts: classifier, genres, blocks, and the targets in force."""
        return _model_card(service.bundle, service.targets)

    text: dict[int | str, dict[str, Any]] = {
        200: {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}
    }

    @app.get("/metrics", response_class=Response, responses=open_to_all | text)
    async def metrics() -> Response:
        """For Prometheus; needs no key."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _head_as_get(app: ASGIApp) -> ASGIApp:
    """ASGI middleware: HEAD is answered wherever GET is; the server leaves out the body."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope, receive, send)

    return answer


def _only_known_parameters(request: Request) -> None:
    """Refuses a query parameter that the path does not have: misspelt, it would be ignored."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            more = nearest_name(name, known) if known else " This path takes none."
            raise Problem("invalid", f"query: there is no parameter '{name}'.{more}")


async def _alone(request: Request, service: Service, work: Any, places: int) -> Any:
    """Work with the one picture of a request, on the model's thread."""
    uploads = await read_uploads(request, service.limits, 1)
    with service.batches.places(places):
        (picture,) = await decode_uploads(uploads, service.threads, service.slow)
        image = picture.image
        _count(service, *((0, 1) if isinstance(image, PictureError) else (1, 0)))
        if isinstance(image, PictureError):
            raise _unreadable([picture])
        return await service.batches.alone(lambda: work(image))


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


def _model_card(bundle: Bundle, targets: Targets) -> ModelCard:
    in_force = None
    if bundle.decision is not None:
        in_force = TargetsInForce(
            target_error=targets.error,
            target_coverage=targets.coverage,
            set_coverage=targets.set_coverage,
            sets=kind_of_sets(bundle.decision, targets),
            thresholds=targets.thresholds or MARGINAL,
            guarantee=guarantee(bundle.decision, targets, bundle.classes),
        )
    return ModelCard(
        classifier=bundle.classifier.name,
        genres=[str(name) for name in bundle.classes],
        blocks={
            name: Block(
                columns=len(bundle.columns[name]), preset=made["preset"], fingerprint=made["fingerprint"]
            )
            for name, made in bundle.extractors.items()
        },
        targets=in_force,
        detects_out_of_distribution=bundle.novelty is not None,
        note=note_of(bundle),
        digest=bundle.digest,
        version=_version(),
    )


def _openapi(app: FastAPI) -> dict[str, Any]:
    if not app.openapi_schema:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        problem = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        problem.pop("$defs", None)
        made["components"]["schemas"]["Problem"] = problem | {"title": "Problem"}
        app.openapi_schema = made
    return app.openapi_schema


def _version() -> str:
    return metadata.version("coverfusion")


def run_service(
    bundle_folder: str | os.PathLike[str],
    host: str,
    port: int,
    limits: Limits | None = None,
    api_key: str | None = None,
    targets: Targets = NO_TARGETS,
    proxies: Sequence[str] = (),
) -> None:
    """Serves until SIGTERM or SIGINT; requests that were accepted by then are answered first.

    Args:
        bundle_folder: the fitted model.
        host: the address to listen on.
        port: 0: any that is free.
        limits: as `make_service`.
        api_key: as `make_service`.
        targets: as `make_service`.
        proxies: addresses or networks whose X-Forwarded-For says who the client is; nobody else's does.

    Raises:
        UserError: as `make_service`, or the address cannot be had.
    """
    import uvicorn

    from coverfusion.experiments.service.http_server import (
        MAX_QUEUE,
        ListeningServer,
        example_request,
        limited_protocol,
    )

    limits = limits or Limits()
    listener = bound_socket(host, port)
    allow_open_files(2 * limits.connections)
    share_heaps()
    app = make_service(bundle_folder, limits, api_key, targets)
    service = app.state.service
    if sentence := guarantee(service.bundle.decision, targets, service.bundle.classes):
        console.print(sentence, highlight=False)
    config = uvicorn.Config(
        app,
        http=limited_protocol(limits, proxies),
        ws="none",
        backlog=MAX_QUEUE,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS - STOP_SECONDS - 1,  # a second for uvicorn's own steps
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
    )
    server = ListeningServer(config)
    neighbours = service.bundle.neighbours
    server.example = example_request(
        () if neighbours is None else neighbours.covers["path"], api_key is not None
    )
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        raise UserError("The service did not start. The reason stands above.")
    if service.is_decoding():
        os._exit(130)  # after Ctrl+C; Python would wait for the thread
