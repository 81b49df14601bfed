"""The service as a process: load, malformed uploads, and its end."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from coverfusion.experiments.bench.malformed_uploads import form, form_headers
from coverfusion.experiments.bench.serve import send_load, send_malformed
from coverfusion.experiments.bench.serve import serving as serving_process
from tests.helpers.serving import JPEG, cover, until


@pytest.mark.slow
def test_a_process_under_load_and_attack_loses_no_accepted_request(served_bundle: Path) -> None:
    with serving_process(served_bundle) as served:
        load, _ = send_load(served, [JPEG, cover("dub & bass", 9)], clients=3, seconds=0.5, pictures=2)
        assert load.covers == 2 * len(load.seconds) > 0
        assert not load.errors
        statuses, memory = send_malformed(served, JPEG, 40)
        assert sum(statuses.values()) == 40, statuses
        assert all(400 <= status < 500 for _, status in statuses), statuses
        assert min(memory) > 10
        assert b"application/problem+json" in _send(served.port, b"this is no HTTP\r\n\r\n")

        waiting = list(_half_sent(served.port, 6))
        until(lambda: b"coverfusion_requests_in_flight 7.0" in _send(served.port, METRICS))
        served.process.terminate()
        until(lambda: _refuses(served.port))
        for connection, rest in waiting:
            connection.sendall(rest)
        answers = [_rest(connection) for connection, _ in waiting]
        assert [answer[:15] for answer in answers] == [b"HTTP/1.1 200 OK"] * 6
        assert all(b'"genre":"opera"' in answer for answer in answers)
        assert served.process.wait(20) in (0, -signal.SIGTERM)


METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def _send(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        return _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def _half_sent(port: int, count: int) -> Iterator[tuple[socket.socket, bytes]]:
    """Connections that have sent half of a request, and the other half."""
    body = form([JPEG])
    head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in form_headers().items()) + "\r\n"
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        connection.sendall(head.encode() + body[:500])
        yield connection, body[500:]


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False
