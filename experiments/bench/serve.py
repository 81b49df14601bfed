"""A load test of the service beside plain scoring, and what malformed uploads do to it.

The service runs as its own process, as it does for users. The plain side scores the same pictures in this
process before and after the load, so that a machine that slows down slows both.
"""

from __future__ import annotations

import collections
import http.client
import itertools
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.sources import list_entries, read_bytes
from coverfusion.experiments.bench.drawn_covers import BENCH_SEED
from coverfusion.experiments.bench.malformed_uploads import form, form_headers, malformed_uploads
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.scoring.score import bundle_extractors, score_chunk
from coverfusion.features.extract import decoded_ahead
from coverfusion.fusion.bundle import load_bundle

MALFORMED_UPLOADS = 500  # sent twice
START_SECONDS = 120  # within which the service must be ready
MAIN = "from coverfusion.experiments.cli import main; main()"


@dataclass(frozen=True)
class Served:
    """A running service."""

    process: subprocess.Popen[bytes]
    port: int

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> int:
        """The status of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body or None, headers or {})
            return connection.getresponse().status
        finally:
            connection.close()

    def memory(self) -> float:
        """Resident memory in MiB."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20


@dataclass
class Load:
    """What clients saw: seconds of each answered request, pictures answered, errors by kind."""

    seconds: list[float] = field(default_factory=list)
    covers: int = 0
    errors: collections.Counter[str] = field(default_factory=collections.Counter)


def bench_serve(
    collection: Path, bundle_folder: Path, clients: int, seconds: float, covers: int, pictures: int
) -> dict[str, float]:
    """Loads a service, compares it with plain scoring, then sends it malformed uploads; prints the figures.

    Args:
        collection: real covers.
        bundle_folder: the model.
        clients: that ask at the same time, each for one response after another.
        seconds: how long they do.
        covers: different pictures, drawn by a fixed seed; the plain side scores each of them twice.
        pictures: in a request.

    Returns:
        requests, covers_per_second, plain_covers_per_second, ratio, p50 and p95 (seconds), errors,
        refused (malformed uploads with a 4xx), and memory_before, memory_between and memory_after (MiB;
        between is after half of the malformed uploads).

    Raises:
        UserError: too few pictures, a broken bundle, or a service that does not start.
    """
    paths = draw_pictures(collection, covers)
    bodies = [read_bytes(path) for path in paths]
    plain = DirectScoring(bundle_folder, paths)
    plain.seconds(warm=True)
    with serving(bundle_folder) as served:
        before = plain.seconds()
        load, lasted = send_load(served, bodies, clients, seconds, pictures)
        after = plain.seconds()
        statuses, memory = send_malformed(served, bodies[0], MALFORMED_UPLOADS)
        # what grew the first time because decoders were loaded does not grow again; a leak would
        again, more = send_malformed(served, bodies[0], MALFORMED_UPLOADS, BENCH_SEED + 1)
    statuses += again
    rate, plain_rate = load.covers / lasted, 2 * len(paths) / (before + after)
    p50, p95 = np.percentile(load.seconds, [50, 95]) if load.seconds else (np.nan, np.nan)
    refused = sum(count for (_, status), count in statuses.items() if 400 <= status < 500)
    console.print(
        f"{clients} clients, {pictures} picture(s) a request, {lasted:.0f} s: {len(load.seconds)} requests, "
        f"{rate:.2f} covers/s, p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, "
        f"errors: {dict(load.errors) or 'none'}\n"
        f"plain scoring of the same pictures, before and after: {plain_rate:.2f} covers/s "
        f"({len(paths) / before:.2f}, {len(paths) / after:.2f}); "
        f"the service reaches {rate / plain_rate:.0%}\n"
        f"{sum(statuses.values())} malformed uploads: {_by_status(statuses)}; "
        f"memory {memory[0]:.1f} MiB before, {memory[1]:.1f} after half of them, {more[1]:.1f} after all"
    )
    for (kind, status), count in sorted(statuses.items()):
        if not 400 <= status < 500:
            console.print(f"not refused: {kind}, {status}, {count} times", style="red")
    return {
        "requests": len(load.seconds),
        "covers_per_second": rate,
        "plain_covers_per_second": plain_rate,
        "ratio": rate / plain_rate,
        "p50": float(p50),
        "p95": float(p95),
        "errors": load.errors.total(),
        "refused": refused,
        "memory_before": memory[0],
        "memory_between": memory[1],
        "memory_after": more[1],
    }


class DirectScoring:
    """`coverfusion score` without the file that it writes: the bundle is loaded once, chunks are as there."""

    def __init__(self, bundle_folder: Path, paths: Sequence[str]) -> None:
        self.bundle = load_bundle(bundle_folder)
        self.extractors = bundle_extractors(self.bundle)
        self.paths = paths

    def seconds(self, warm: bool = False) -> float:
        """Time to read, decode and score all pictures (with `warm` only a few, to load the weights)."""
        started = time.perf_counter()
        for chunk in decoded_ahead(("", path) for path in self.paths[: 4 if warm else None]):
            score_chunk(self.bundle, self.extractors, chunk, min(3, len(self.bundle.classes)))
        return time.perf_counter() - started


@contextmanager
def serving(bundle_folder: Path) -> Iterator[Served]:
    """`coverfusion serve` in a process of its own, ready; ended by SIGTERM."""
    words = ["serve", str(bundle_folder), "--port", "0", "--rate", "0"]
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "-c", MAIN, *words], stdout=log, stderr=log)
        try:
            yield _ready(process, Path(log.name))
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _ready(process: subprocess.Popen[bytes], log: Path) -> Served:
    """The service, once it has said its address and its model is loaded."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        address = re.search(r"Listening on http://127\.0\.0\.1:(\d+)", log.read_text(errors="replace"))
        if address and (served := Served(process, int(address[1]))).ask("GET", "/v1/health") == 200:
            return served
        time.sleep(0.2)
    end_of_log = log.read_text(errors="replace")[-1000:]
    raise UserError(f"The service is not ready after {START_SECONDS} s. The end of its log:\n{end_of_log}")


def send_load(
    served: Served, bodies: Sequence[bytes], clients: int, seconds: float, pictures: int
) -> tuple[Load, float]:
    """The load and how long it lasted, until the last response."""
    requests = [
        form([bodies[(start + n) % len(bodies)] for n in range(pictures)])
        for start in range(0, len(bodies), pictures)
    ]
    load, lock, turn = Load(), threading.Lock(), itertools.cycle(requests)
    for body in requests[:2]:
        served.ask("POST", "/v1/predict", body, form_headers())
    started = time.perf_counter()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
        while time.perf_counter() < started + seconds:
            with lock:
                body = next(turn)
            sent = time.perf_counter()
            try:
                connection.request("POST", "/v1/predict", body, form_headers())
                response = connection.getresponse()
                response.read()
                error = "" if response.status == 200 else str(response.status)
            except (OSError, http.client.HTTPException) as failure:
                error = type(failure).__name__
                connection.close()
            with lock:
                if error:
                    load.errors[error] += 1
                else:
                    load.seconds.append(time.perf_counter() - sent)
                    load.covers += pictures
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    with counted("under load, seconds", round(seconds)) as bar:
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            bar.update(bar.task_ids[0], completed=min(seconds, time.perf_counter() - started))
    return load, time.perf_counter() - started


def send_malformed(
    served: Served, picture: bytes, count: int, seed: int = BENCH_SEED
) -> tuple[collections.Counter[tuple[str, int]], tuple[float, float]]:
    """How often a kind of malformed upload got a status (0 = no answer); memory before and after."""
    before = served.memory()
    statuses: collections.Counter[tuple[str, int]] = collections.Counter()
    with counted("malformed uploads", count) as bar:
        for bad in itertools.islice(malformed_uploads(picture, seed), count):
            statuses[bad.kind, _ask_badly(served, bad.path, bad.body, bad.headers)] += 1
            bar.advance(bar.task_ids[0])
    time.sleep(1)
    return statuses, (before, served.memory())


def _ask_badly(served: Served, path: str, body: bytes, headers: dict[str, str]) -> int:
    try:
        return served.ask("POST", path, body, headers)
    except (OSError, http.client.HTTPException):
        return 0


def _by_status(statuses: collections.Counter[tuple[str, int]]) -> str:
    counts: collections.Counter[int] = collections.Counter()
    for (_, status), count in statuses.items():
        counts[status] += count
    return ", ".join(f"{count} x {status or 'no answer'}" for status, count in sorted(counts.items()))


def draw_pictures(collection: Path, covers: int) -> list[str]:
    """Readable pictures, drawn by a fixed seed."""
    paths = [entry.path for entry in list_entries(collection)]
    random.Random(BENCH_SEED).shuffle(paths)
    drawn = list(itertools.islice(filter(_is_readable, paths), covers))
    if len(drawn) < covers:
        raise UserError(
            f"{collection} has {len(drawn)} readable covers; ask for at most so many with --covers."
        )
    return drawn


def _is_readable(path: str) -> bool:
    try:
        decode(read_bytes(path))
        return True
    except PictureError:
        return False
