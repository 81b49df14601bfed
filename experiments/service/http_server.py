"""uvicorn with what it has no options for: limits on connections, errors as problems, its address said."""

from __future__ import annotations

import asyncio
import ipaddress
import shlex
import socket
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from pathlib import Path

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.service.limits import RETRY_HEADERS, Limits, client_of
from coverfusion.experiments.service.problems import Problem

# Connections that the kernel holds until they are accepted. All of them are accepted at once, before any
# of them can be closed again: with uvicorn's 2,048 they would use up the files that a process may open.
MAX_QUEUE = 128
CURL_SIGNS = set(';,"')  # that mean something to curl in a file's name


class ListeningServer(uvicorn.Server):
    """uvicorn, which says nothing about a socket that it is handed.

    Attributes:
        example: a request to try it with, for a shell, without the address that it ends in.
    """

    example = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens, and prints the address."""
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            console.print(f"Listening on {url} (Ctrl+C ends it); {url}/docs describes it", soft_wrap=True)
            if self.example:
                console.print(f"Next, to ask it: {self.example} {url}/v1/predict", soft_wrap=True)


def example_request(covers: Iterable[str], has_key: bool) -> str:
    """A request by curl for the first of these covers that is a file, or for one of the user's."""
    found = (path for path in covers if Path(path).is_file() and not set(path) & CURL_SIGNS)
    words = ["curl", "-F", f"pictures=@{next(found, 'cover.jpg')}"]
    return shlex.join(words + (["-H", "X-API-Key: KEY"] if has_key else []))


class LimitedProtocol(H11Protocol):
    """One connection. Whoever opens too many loses those that have waited longest without a request.

    uvicorn's own `limit_concurrency` refuses requests once there are many connections: silent ones would
    shut everybody out. h11 is pure Python; next to a model its parsing costs nothing.
    """

    limits = Limits()
    proxies: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()
    _deadline: asyncio.TimerHandle | None = None  # for the header of a request
    _unread: asyncio.TimerHandle | None = None  # for a response that the client does not take

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection; closes another one, or this one, where there are too many."""
        super().connection_made(transport)
        self.peer = client_of(self.client[0]) if self.client else ""
        self._wait_for_request()
        others = [other for other in self.connections if isinstance(other, LimitedProtocol)]
        there = [other for other in others if not other.transport.is_closing()]
        if len(there) > self.limits.connections:
            self._make_room(there, f"{self.limits.connections} connections are open. Try again later.")
        mine = [other for other in there if other.peer == self.peer]
        if len(mine) > self.limits.client_connections and not self._is_proxy():
            self._make_room(mine, f"{self.limits.client_connections} of your connections are open.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        super().connection_lost(exc)
        for timer in (self._deadline, self._unread):
            if timer:
                timer.cancel()

    def on_response_complete(self) -> None:
        """Begins to wait for the next request; data that are none do not make it longer."""
        self._wait_for_request()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begins to wait for a client that does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.limits.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads."""
        super().resume_writing()
        if self._unread:
            self._unread.cancel()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, and closes the connection."""
        self._close_with(Problem("bad-request", msg))

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way and no response on its way."""
        under_way = self.cycle is not None and not self.cycle.response_complete
        return not under_way and not self.transport.get_write_buffer_size()

    def _wait_for_request(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self.idle_since = self.loop.time()
        self._deadline = self.loop.call_later(self.limits.header_seconds, self._end_waiting)

    def _end_waiting(self) -> None:
        if self.flow.write_paused:
            self._wait_for_request()  # the client may still be reading
        elif self.cycle is None or self.cycle.response_complete:
            begun, _ = self.conn.trailing_data
            if begun and self.is_idle and self.conn.our_state is h11.IDLE:
                seconds = f"{self.limits.header_seconds:g} seconds"
                self._close_with(Problem("timeout", f"The header did not arrive within {seconds}."))
            else:
                self.transport.abort()

    def _make_room(self, crowd: Sequence[LimitedProtocol], reason: str) -> None:
        """Closes the idle connection that has waited longest, first of those that never had a request."""
        idle = [other for other in crowd if other.is_idle and not other.transport.is_closing()]
        if not idle:
            return  # one was closed just now
        victim = min(idle, key=lambda other: (other.cycle is not None, other.idle_since))
        if victim is self:
            self._close_with(Problem("busy", reason, RETRY_HEADERS))
        else:
            victim.transport.abort()

    def _is_proxy(self) -> bool:
        try:
            address = ipaddress.ip_address(self.client[0] if self.client else "")
        except ValueError:
            return False
        return any(address in network for network in self.proxies)

    def _close_with(self, problem: Problem) -> None:
        response = problem.response()
        headers = [(b"connection", b"close"), *response.raw_headers]
        reason = HTTPStatus(response.status_code).phrase.encode()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):  # else a response has begun
            for event in (
                h11.Response(status_code=response.status_code, headers=headers, reason=reason),
                h11.Data(data=bytes(response.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event))
        self.transport.close()


def limited_protocol(limits: Limits, proxies: Sequence[str] = ()) -> type[LimitedProtocol]:
    """The protocol with these limits; addresses or networks of proxies have no limit of one client."""

    class Configured(LimitedProtocol):
        pass

    Configured.limits = limits
    Configured.proxies = [ipaddress.ip_network(proxy) for proxy in proxies]
    return Configured
