"""What Prometheus reads of the service."""

from __future__ import annotations

import time
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        mine = self.registry = CollectorRegistry()
        self.requests = Counter(
            "coverfusion_requests", "Answered requests", ["path", "method", "status"], registry=mine
        )
        self.seconds = Histogram(
            "coverfusion_request_seconds",
            "From a request to its response",
            ["path"],
            buckets=_SECONDS,
            registry=mine,
        )
        self.in_flight = Gauge(
            "coverfusion_requests_in_flight", "Requests that are not answered yet", registry=mine
        )
        self.pictures = Counter(
            "coverfusion_pictures", "Pictures, by what became of them", ["outcome"], registry=mine
        )
        self.batch_pictures = Histogram(
            "coverfusion_batch_pictures",
            "Pictures scored together",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=mine,
        )
        self.batch_seconds = Histogram(
            "coverfusion_batch_seconds", "Time to score a batch", buckets=_SECONDS, registry=mine
        )

    def batch(self, pictures: int, seconds: float) -> None:
        """Notes a scored batch."""
        self.batch_pictures.observe(pictures)
        self.batch_seconds.observe(seconds)


class Measure:
    """ASGI middleware that counts and times requests.

    A path or method that the service does not know counts as "other": a label is for ever.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Collection[str]) -> None:
        self.app, self.metrics, self.paths = app, metrics, frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on and notes its status and its seconds."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path = scope["path"] if scope["path"] in self.paths else "other"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, noted)
        finally:
            self.metrics.in_flight.dec()
            self.metrics.requests.labels(path, method, status).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - started)
