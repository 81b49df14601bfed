"""A small trained service and its clients, for the tests of the service."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from fastapi.testclient import TestClient

from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.service.application import make_service
from coverfusion.experiments.service.limits import Limits
from coverfusion.experiments.service.served_model import Service
from coverfusion.experiments.training.train import train
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets
from tests.helpers.pictures import encode, noise, save_folders, solid

GENRES = {"dub & bass": (30, 120, 40), "opera": (150, 30, 40)}
FREE = Limits(rate=0)


def cover(genre: str, number: int) -> bytes:
    """A noisy JPEG in the genre's colour."""
    seed = 100 * list(GENRES).index(genre) + number
    shift = np.random.default_rng(seed).integers(-60, 60, 3)
    colour = tuple(int(v) for v in np.clip(np.array(GENRES[genre]) + shift, 0, 255))
    return encode(PIL.Image.blend(noise(seed, (48, 48)), solid(colour, (48, 48)), 0.7))


JPEG = cover("opera", 7)


def train_service(root: Path) -> None:
    """Covers in `root/covers`, and a run on them in `root/run`."""
    save_folders(root / "covers", {genre: [cover(genre, n) for n in range(24)] for genre in GENRES})
    config = make_config(
        "test",
        collection=root / "covers",
        out=root / "runs",
        store=root / "store",
        blocks=["color"],
        classifiers=["logistic"],
        alone=[],
    )
    train(config).rename(root / "run")


@contextmanager
def serving(
    bundle: Path, limits: Limits = FREE, api_key: str | None = None, targets: Targets = NO_TARGETS
) -> Iterator[TestClient]:
    """A client of a service that is ready."""
    with TestClient(make_service(bundle, limits, api_key, targets)) as client:
        while client.get("/v1/health").status_code != 200:
            time.sleep(0.01)
        yield client


def files(*contents: bytes, field: str = "pictures") -> list[tuple[str, tuple[str, bytes, str]]]:
    """A form's files, named 0.jpg, 1.jpg, ..."""
    return [(field, (f"{n}.jpg", content, "image/jpeg")) for n, content in enumerate(contents)]


def assert_problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    """The body of an answer that is a problem of this kind."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    body = answer.json()
    assert (body["status"], body["type"]) == (status, f"urn:coverfusion:problem:{kind}")
    assert body["title"]
    assert body["detail"]
    return body


@contextmanager
def busy_model(client: TestClient) -> Iterator[Service]:
    """The model's thread does nothing else until the end."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    begun, free = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        free.wait()

    client.portal.start_task_soon(service.batches.alone, wait)  # type: ignore[union-attr]
    begun.wait()
    try:
        yield service
    finally:
        free.set()


def until(true: Callable[[], bool]) -> None:
    """Waits for something to become true, 10 seconds at most."""
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)
