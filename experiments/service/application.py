"""The prediction service: an application that serves a bundle's model over HTTP.

Nothing that takes long runs on the event loop: pictures are decoded in threads, and one thread owns the
model, so that pictures of many requests become one batch and its cores are not asked for twice.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.security import APIKeyHeader
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Receive, Scope, Send

from coverfusion.data.errors import UserError
from coverfusion.data.errors import did_you_mean as nearest_name
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.open_files import allow_open_files
from coverfusion.experiments.scoring.score import bundle_extractors, check_targets
from coverfusion.experiments.service.fact_paths import add_facts, version
from coverfusion.experiments.service.limits import Gate, Limits
from coverfusion.experiments.service.listening import bound_socket
from coverfusion.experiments.service.metrics import Measure, Metrics
from coverfusion.experiments.service.picture_paths import add_explain, add_predict, add_similar
from coverfusion.experiments.service.problems import Problem, handle_problems
from coverfusion.experiments.service.schemas import ProblemBody
from coverfusion.experiments.service.served_model import STOP_SECONDS, Service
from coverfusion.features.memory import share_heaps
from coverfusion.fusion.bundle import load_bundle
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets
from coverfusion.fusion.uncertainty.guarantees import guarantee

GRACE_SECONDS = 60  # from SIGTERM to the end, at most
_ABOUT = """Genres of album covers, predicted from the picture alone.

Pictures are sent as files in the field `pictures` of a `multipart/form-data` body. In `/v1/predict` a file
that is no picture gets an `error` beside the results of the others; where none can be read, the response is
422. Every error is `application/problem+json`."""


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
        version=version(),
        description=_ABOUT,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    key = [Depends(APIKeyHeader(name="X-API-Key", auto_error=False))] if api_key else []
    key.append(Depends(_only_known_parameters))
    key_problems = ("no-key",) if api_key else ()
    add_predict(app, service, key, key_problems)
    add_explain(app, service, key, key_problems)
    add_similar(app, service, key, key_problems)
    add_facts(app, service, key, key_problems)
    handle_problems(app)
    paths = {route.path for route in app.routes if hasattr(route, "path")}
    app.add_middleware(_head_as_get)
    app.add_middleware(Gate, limits=service.limits, api_key=api_key)
    app.add_middleware(Measure, metrics=service.metrics, paths=paths)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


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
