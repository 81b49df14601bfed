"""Connections that ask for nothing, ask slowly, or are too many: a real server with small limits."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from coverfusion.experiments.service.http_server import ListeningServer, example_request, limited_protocol
from coverfusion.experiments.service.limits import Gate, Limits, client_of
from coverfusion.experiments.service.listening import bound_socket
from coverfusion.experiments.service.problems import handle_problems
from tests.helpers.serving import until

SMALL = Limits(
    rate=0,
    seconds=0.6,
    header_seconds=0.3,
    connections=6,
    client_connections=3,
    held_bytes=150,
    client_bytes=100,
)
PATIENT = Limits(rate=0, connections=6, client_connections=3, held_bytes=150, client_bytes=100)
PIECES = 400  # of 65,536 bytes
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
ME, OTHER, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, then answers with none; with more than a socket holds where /long is asked for."""
    while (await receive()).get("more_body"):
        pass
    pieces = PIECES if scope["path"] == "/long" else 0
    length = b"%d" % (pieces * 65536)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    for _ in range(pieces):
        await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
    await send({"type": "http.response.body"})


def guarded() -> FastAPI:
    """Reads the body behind the gate."""
    app = FastAPI()
    handle_problems(app)
    app.add_middleware(Gate, limits=PATIENT, api_key=None)

    @app.post("/v1/x")
    async def read(request: Request) -> int:
        return len(await request.body())

    return app


@contextmanager
def listening(limits: Limits, proxies: Sequence[str] = (), app: ASGIApp = echo) -> Iterator[int]:
    """The port of a server."""
    listener = bound_socket(ME, 0)
    config = uvicorn.Config(app, http=limited_protocol(limits, proxies), lifespan="off", log_level="error")
    server = ListeningServer(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    port = listener.getsockname()[1]
    thread.start()
    until(lambda: server.started)
    try:
        yield port
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


def connect(port: int, source: str = ME) -> socket.socket:
    return socket.create_connection((ME, port), timeout=10, source_address=(source, 0))


def received(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionResetError:
        return b""


def answer(connection: socket.socket, request: bytes = GET) -> bytes:
    """The first line of the answer, on a connection that stays open."""
    connection.sendall(request)
    return connection.recv(65536).partition(b"\r\n")[0]


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_who_says_nothing_is_closed_and_who_says_half_is_told() -> None:
    with listening(SMALL) as port:
        started = time.monotonic()
        with connect(port) as silent, connect(port) as half:
            half.sendall(GET[:20])
            assert received(silent) == b""
            told = received(half)
        assert 0.2 < time.monotonic() - started < 2
        assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"application/problem+json" in told
        assert b"within 0.3 seconds" in told


@pytest.mark.parametrize("before", [b"", GET])
def test_a_dripping_header_is_not_waited_for_any_longer(before: bytes) -> None:
    """Neither on a new connection nor on one that has had an answer."""
    with listening(SMALL) as port, connect(port) as connection:
        if before:
            assert answer(connection, before) == b"HTTP/1.1 200 OK"
        started = time.monotonic()
        with suppress(ConnectionError):
            for byte in b"GET / HTTP/1.1\r\nX-A: " + b"a" * 1000:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        assert time.monotonic() - started < 2


def test_a_request_that_is_under_way_is_no_silence() -> None:
    with listening(SMALL) as port, connect(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        for byte in (b"a", b"b", b"c"):
            time.sleep(0.2)
            connection.sendall(byte)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
        assert answer(connection) == b"HTTP/1.1 200 OK"


def test_a_client_that_does_not_read_is_closed() -> None:
    with listening(SMALL) as port, connect(port) as connection:
        connection.sendall(GET.replace(b"/ ", b"/long "))
        time.sleep(1.5)
        assert len(received(connection)) < PIECES * 65536


def test_the_newest_of_too_many_gets_in_for_the_one_that_waited_longest() -> None:
    with listening(PATIENT) as port, ExitStack() as stack:
        served, *silent = [stack.enter_context(connect(port)) for _ in range(3)]
        assert answer(served) == b"HTTP/1.1 200 OK"
        newest = stack.enter_context(connect(port))
        assert answer(newest) == b"HTTP/1.1 200 OK"
        assert [is_closed(one) for one in silent] == [True, False]
        assert answer(served) == b"HTTP/1.1 200 OK"  # it waited, too, but it has asked for something


def test_who_has_only_requests_under_way_is_told_that_they_are_many() -> None:
    with listening(PATIENT) as port, ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connect(port)).sendall(
                b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
            )
        time.sleep(0.2)
        told = received(stack.enter_context(connect(port)))
        assert told.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"3 of your connections" in told
        assert answer(stack.enter_context(connect(port, OTHER))) == b"HTTP/1.1 200 OK"


def test_connections_of_all_clients_have_a_limit_and_those_of_a_proxy_none_of_their_own() -> None:
    with listening(PATIENT, proxies=["127.0.0.2/32"]) as port, ExitStack() as stack:
        through_proxy = [stack.enter_context(connect(port, OTHER)) for _ in range(5)]
        mine = [stack.enter_context(connect(port)) for _ in range(2)]
        assert answer(mine[1]) == b"HTTP/1.1 200 OK"
        assert [is_closed(one) for one in (*through_proxy, *mine)] == [True, *[False] * 6]


def test_bodies_of_one_client_leave_room_for_others() -> None:
    head = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n"
    with listening(PATIENT, app=guarded()) as port, ExitStack() as stack:
        stalled = stack.enter_context(connect(port))
        stalled.sendall(head + bytes(80))
        time.sleep(0.2)
        second = stack.enter_context(connect(port))
        second.sendall(head + bytes(80))
        assert second.recv(65536).startswith(b"HTTP/1.1 503")
        third = stack.enter_context(connect(port, OTHER))
        third.sendall(head[:-6] + b"60\r\n\r\n" + bytes(60))
        assert third.recv(65536).startswith(b"HTTP/1.1 200 OK")
        fourth = stack.enter_context(connect(port, THIRD))
        fourth.sendall(head + bytes(80))
        assert fourth.recv(65536).startswith(b"HTTP/1.1 503")  # together they are too much
        stalled.sendall(bytes(10))
        assert stalled.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_a_client_has_one_address_or_one_network_of_the_new_kind() -> None:
    assert client_of("10.0.0.7") == client_of("::ffff:10.0.0.7") == "10.0.0.7"
    assert client_of("2001:db8:1:2::5") == client_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert client_of("2001:db8:1:3::5") != client_of("2001:db8:1:2::5")
    assert client_of("a unix socket") == "a unix socket"


def test_the_address_is_said_once_it_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(PATIENT) as port:
        assert f"Listening on http://127.0.0.1:{port} " in capsys.readouterr().out


def test_a_request_to_try_names_a_cover_that_is_there(tmp_path: Path) -> None:
    gone, odd, here = (tmp_path / name for name in ("gone.jpg", "a;b.jpg", "my cover.jpg"))
    for path in (odd, here):
        path.touch()
    paths = list(map(str, (gone, odd, here)))
    assert example_request(paths, has_key=False) == f"curl -F 'pictures=@{here}'"
    assert example_request([], has_key=True) == "curl -F pictures=@cover.jpg -H 'X-API-Key: KEY'"
