"""The paths that say what the service is: start, health, the model, metrics."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from coverfusion.experiments.scoring.verdict import OF_ITS_GENRES, genre_thresholds, note_of, set_guarantee
from coverfusion.experiments.service.problems import Problem, described
from coverfusion.experiments.service.schemas import Block, Health, ModelCard, TargetsInForce
from coverfusion.experiments.service.served_model import Service
from coverfusion.fusion.bundle import Bundle
from coverfusion.fusion.uncertainty.decision import BY_GENRE, MARGINAL, Targets, kind_of_sets
from coverfusion.fusion.uncertainty.guarantees import guarantee


def add_facts(app: FastAPI, service: Service, key: list[Any], key_problems: tuple[str, ...]) -> None:
    """Adds `/`, `/v1/health`, `/v1/model` and `/metrics`.

    Args:
        app: gets the paths.
        service: what it shares with the other paths.
        key: dependencies that ask for the key.
        key_problems: what these may answer.
    """
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


def _model_card(bundle: Bundle, targets: Targets) -> ModelCard:
    in_force = None
    if bundle.decision is not None:
        sets = kind_of_sets(bundle.decision, targets)
        told = [_sets_hold(targets, sets), guarantee(bundle.decision, targets, bundle.classes)]
        in_force = TargetsInForce(
            target_error=targets.error,
            target_coverage=targets.coverage,
            set_coverage=targets.set_coverage,
            sets=sets,
            thresholds=targets.thresholds or MARGINAL,
            guarantee=" ".join(filter(None, told)),
        )
    elif bundle.several is not None:
        in_force = TargetsInForce(
            target_error=None,
            target_coverage=None,
            set_coverage=targets.set_coverage,
            sets=OF_ITS_GENRES,
            thresholds=BY_GENRE,
            guarantee=_sets_hold(targets, OF_ITS_GENRES),
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
        genre_thresholds=None if bundle.several is None else genre_thresholds(bundle),
        metadata={made["column"]: made["kind"] for made in bundle.metadata.values()},
        takes_backs=bundle.two_sided,
        detects_out_of_distribution=bundle.novelty is not None,
        note=note_of(bundle),
        digest=bundle.digest,
        version=version(),
    )


def _sets_hold(targets: Targets, sets: str) -> str:
    return f"Sets hold {set_guarantee(targets.set_coverage, sets)}."


def version() -> str:
    """Of this package."""
    return metadata.version("coverfusion")
