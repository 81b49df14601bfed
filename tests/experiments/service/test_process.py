"""The service as a process: load, malformed uploads, and its end."""

import signal
import socket
from pathlib import Path

import pytest

from coverfusion.experiments.bench import attack
from coverfusion.experiments.bench.attack import begin_upload, bench_attack
from coverfusion.experiments.bench.malformed_uploads import form
from coverfusion.experiments.bench.serve import send_load, send_malformed
from coverfusion.experiments.bench.serve import serving as serving_process
from coverfusion.experiments.service.application import GRACE_SECONDS
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

        waiting = [begin_upload(served.port, form([JPEG]), 500) for _ in range(6)]
        until(lambda: b"coverfusion_requests_in_flight 7.0" in _send(served.port, METRICS))
        served.process.terminate()
        until(lambda: _refuses(served.port))
        for connection, rest in waiting:
            connection.sendall(rest)
        answers = [_rest(connection) for connection, _ in waiting]
        assert [answer[:15] for answer in answers] == [b"HTTP/1.1 200 OK"] * 6
        assert all(b'"genre":"opera"' in answer for answer in answers)
        assert served.process.wait(20) in (0, -signal.SIGTERM)


@pytest.mark.slow
def test_clients_are_answered_beside_attackers_and_at_the_end(
    served_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attack, "SCANS", 20)
    figures = bench_attack(
        served_folder / "covers",
        served_folder / "run" / "bundle",
        clients=4,
        seconds=2,
        silent=300,
        dripping=10,
        uploads=8,
        hostile=1,
    )
    assert figures["alone_errors"] == figures["beside_errors"] == 0
    assert 0 < figures["alone_p95"] < 10
    assert 0 < figures["beside_p95"] < 10
    assert min(figures["memory_before"], figures["memory_after"]) > 10
    assert figures["not_refused"] in (0, 1)
    assert figures["answered"] == 4
    assert figures["end_seconds"] < attack.END_SECONDS == GRACE_SECONDS


METRICS = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def _send(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        return _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False
