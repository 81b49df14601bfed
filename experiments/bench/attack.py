"""The service while others hold its connections, after hostile pictures, and at its end under one of them."""

from __future__ import annotations

import collections
import http.client
import itertools
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from coverfusion.data.sources import read_bytes
from coverfusion.experiments.bench.attackers import attackers
from coverfusion.experiments.bench.hostile_pictures import SCANS, SIDE, hostile_pictures, many_scans
from coverfusion.experiments.bench.malformed_uploads import form, form_headers
from coverfusion.experiments.bench.serve import Load, Served, draw_pictures, send_load, serving
from coverfusion.experiments.pipeline.console import console

END_SECONDS = 60  # from SIGTERM to the end: what the service states


def bench_attack(
    collection: Path,
    bundle_folder: Path,
    clients: int = 16,
    seconds: float = 60,
    silent: int = 1000,
    dripping: int = 50,
    uploads: int = 1000,
    hostile: int = 100,
) -> dict[str, float]:
    """Attacks a service in three ways and prints what its other clients see.

    Args:
        collection: real covers; 32 of them are sent.
        bundle_folder: the model.
        clients: that ask at the same time, each for one response after another.
        seconds: how long they do, alone and again beside the attackers.
        silent: connections beside them that send nothing, from the same address.
        dripping: connections beside them that send a byte a second.
        uploads: pictures between the two looks at the memory.
        hostile: hostile pictures among them.

    Returns:
        alone_p95 and beside_p95 (seconds), alone_errors and beside_errors, memory_before and memory_after
        (MiB), not_refused (hostile pictures without a 4xx), answered (of `clients` requests that were
        accepted before SIGTERM) and end_seconds (from SIGTERM to the end).

    Raises:
        UserError: too few pictures, a broken bundle, or a service that does not start.
    """
    bodies = [read_bytes(path) for path in draw_pictures(collection, 32)]
    with serving(bundle_folder) as served:
        figures = _beside_attackers(served, bodies, clients, seconds, silent, dripping)
        figures |= _after_uploads(served, bodies, clients, uploads, hostile)
        figures |= _at_the_end(served, bodies, clients)
    return figures


def _beside_attackers(
    served: Served, bodies: Sequence[bytes], clients: int, seconds: float, silent: int, dripping: int
) -> dict[str, float]:
    alone, _ = send_load(served, bodies, clients, seconds, 1)
    with attackers(served.port, silent, dripping) as opened:
        beside, _ = send_load(served, bodies, clients, seconds, 1)
        connections = opened.value
    p95 = [float(np.percentile(load.seconds or [np.nan], 95)) for load in (alone, beside)]
    console.print(
        f"{clients} clients for {seconds:g} s: {_seen(alone, p95[0])}\n"
        f"beside {silent} silent and {dripping} dripping connections ({connections} in all): "
        f"{_seen(beside, p95[1])}; p95 is {p95[1] / p95[0]:.2f} times as long"
    )
    return {
        "alone_p95": p95[0],
        "beside_p95": p95[1],
        "alone_errors": alone.errors.total(),
        "beside_errors": beside.errors.total(),
    }


def _seen(load: Load, p95: float) -> str:
    errors = dict(load.errors) or "none"
    return f"{len(load.seconds)} requests, p95 {p95 * 1000:.0f} ms, errors: {errors}"


def _after_uploads(
    served: Served, bodies: Sequence[bytes], clients: int, uploads: int, hostile: int
) -> dict[str, float]:
    pictures = hostile_pictures()
    statuses: collections.Counter[tuple[str, int]] = collections.Counter()

    def upload(kind: str, content: bytes) -> None:
        try:
            status = served.ask("POST", "/v1/predict", form([content]), form_headers())
        except (OSError, http.client.HTTPException):
            status = 0
        statuses[kind, status] += 1

    good = [("", body) for body in itertools.islice(itertools.cycle(bodies), uploads)]
    bad = list(itertools.islice(itertools.cycle(pictures.items()), hostile))
    every = max(1, uploads // max(1, hostile))
    mixed = [
        one
        for n, sound in enumerate(good)
        for one in (sound, *bad[n // every : n // every + (n % every == 0)])
    ]
    before = served.memory()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda one: upload(*one), mixed))
    time.sleep(2)
    after = served.memory()
    console.print(
        f"{len(good)} uploads and {len(mixed) - len(good)} hostile ones: memory {before:.0f} MiB before, "
        f"{after:.0f} after ({after / before - 1:+.1%})"
    )
    for (kind, status), count in sorted(statuses.items()):
        console.print(f"  {kind or 'sound'}: {count} x {status or 'no answer'}")
    refused = sum(count for (kind, status), count in statuses.items() if kind and 400 <= status < 500)
    return {
        "memory_before": before,
        "memory_after": after,
        "not_refused": len(mixed) - len(good) - refused,
    }


def _at_the_end(served: Served, bodies: Sequence[bytes], clients: int) -> dict[str, float]:
    """SIGTERM while a hostile JPEG is decoded and `clients` requests are accepted and half sent."""
    with ThreadPoolExecutor(1) as pool:
        worst = form([many_scans(SCANS, SIDE)])
        pool.submit(_status_of_rest, *begin_upload(served.port, worst, len(worst)))
        waiting = [begin_upload(served.port, form([bodies[n % len(bodies)]]), 500) for n in range(clients)]
        time.sleep(1)  # all have been accepted by then
        started = time.monotonic()
        served.process.terminate()
        time.sleep(1)
        answered = sum(_status_of_rest(*one) == 200 for one in waiting)
        served.process.wait(2 * END_SECONDS)
        lasted = time.monotonic() - started
    console.print(
        f"SIGTERM under a hostile JPEG: {answered} of {clients} accepted requests answered, "
        f"ended after {lasted:.1f} s (at most {END_SECONDS})"
    )
    return {"answered": answered, "end_seconds": lasted}


def begin_upload(port: int, body: bytes, sent: int) -> tuple[socket.socket, bytes]:
    """A connection that has sent a request up to some bytes of its body, and the rest of the body."""
    headers = {"Host": "x", "Content-Length": str(len(body)), "Connection": "close", **form_headers()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection = socket.create_connection(("127.0.0.1", port), timeout=2 * END_SECONDS)
    connection.sendall(f"POST /v1/predict HTTP/1.1\r\n{lines}\r\n".encode() + body[:sent])
    return connection, body[sent:]


def _status_of_rest(connection: socket.socket, rest: bytes) -> int:
    """The status of a request once its rest is sent; 0: no answer."""
    try:
        connection.sendall(rest)
        return int(connection.recv(65536).split()[1])
    except (OSError, IndexError):
        return 0
    finally:
        connection.close()
