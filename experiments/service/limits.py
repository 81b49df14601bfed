"""What one client may ask of the service: its connections, and its requests before their bodies are read."""

from __future__ import annotations

import hmac
import ipaddress
import math
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coverfusion.experiments.service.problems import Problem

MAX_CLIENTS = 10_000  # token buckets kept; the client that was silent longest is forgotten first
RETRY_HEADERS = {"Retry-After": "2"}  # seconds after which a full queue has usually moved on


@dataclass(frozen=True)
class Limits:
    """Limits of a service.

    Attributes:
        picture_bytes: of one picture file.
        pictures: files a request.
        body_bytes: of a whole request.
        held_bytes: bodies of all requests that are not answered yet, together.
        client_bytes: the same of one client. More than one body, so that one that stalls leaves room.
        waiting: pictures that are accepted and not scored yet.
        seconds: within which the body of a request must have arrived.
        header_seconds: within which the header of a request must have arrived, counted from the connection
            or from the response before it.
        connections: open at a time.
        client_connections: the same of one client that is no proxy.
        rate: requests a second and client, on average; 0 = no limit.
        burst: requests that a client which was silent may send at once.
    """

    picture_bytes: int = 10 * 2**20
    pictures: int = 64
    body_bytes: int = 64 * 2**20
    held_bytes: int = 256 * 2**20
    client_bytes: int = 96 * 2**20
    waiting: int = 256
    seconds: float = 30.0
    header_seconds: float = 10.0
    connections: int = 512
    client_connections: int = 128
    rate: float = 50.0
    burst: int = 100


def client_of(address: str) -> str:
    """Who an address belongs to: a client has a whole /64 network of IPv6, and one address of IPv4."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return address


class TokenBuckets:
    """A token bucket a client (Tanenbaum, Computer Networks, 5.4): `rate` tokens/s, at most `burst`."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> tokens, when

    def take(self, client: str, now: float) -> float:
        """Takes a token; the seconds until there is one, or 0 where it was there."""
        tokens, then = self._left.pop(client, (float(self.burst), now))
        tokens = min(self.burst, tokens + (now - then) * self.rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self.rate
        self._left[client] = (tokens - 1 if wait == 0 else tokens, now)
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        return wait


class Gate:
    """ASGI middleware before everything under /v1/ but /v1/health: rate, API key, size of the body.

    A middleware because FastAPI reads a body before it calls any dependency.
    """

    def __init__(self, app: ASGIApp, limits: Limits, api_key: str | None) -> None:
        self.app, self.limits = app, limits
        self.key = api_key.encode() if api_key else None
        self.buckets = TokenBuckets(limits.rate, limits.burst) if limits.rate else None
        # apart, so that nobody who has no key can take the tokens of those who share an address with them
        self.wrong_keys = TokenBuckets(limits.rate, limits.burst) if limits.rate else None
        self.held: Counter[str] = Counter()  # client -> bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or refuses it with a problem."""
        if scope["type"] != "http" or not _is_guarded(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            self._admit(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        taken, client = 0, _client(scope)

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            self.held[client] += len(message.get("body", b""))
            if taken > self.limits.body_bytes:
                raise self._too_large()
            for held, most, whose in (
                (self.held[client], self.limits.client_bytes, " of yours"),
                (self.held.total(), self.limits.held_bytes, ""),
            ):
                if held > most:
                    raise Problem(
                        "busy", f"{held:,} bytes{whose} are waiting. Try again later.", RETRY_HEADERS
                    )
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self.held[client] -= taken
            if not self.held[client]:
                del self.held[client]

    def _admit(self, scope: Scope) -> None:
        """Raises Problem where this request may not go on."""
        client = _client(scope)
        headers = Headers(scope=scope)
        given = headers.get("x-api-key", "").encode("latin-1")
        wrong = self.key is not None and not hmac.compare_digest(given, self.key)
        buckets = self.wrong_keys if wrong else self.buckets
        if buckets and (wait := buckets.take(client, time.monotonic())):
            raise Problem(
                "too-many-requests",
                f"At most {self.limits.rate:g} requests a second, {self.limits.burst} at once.",
                {"Retry-After": str(math.ceil(wait))},
            )
        if wrong:
            raise Problem(
                "no-key", "Send the key in the header X-API-Key.", {"WWW-Authenticate": "X-API-Key"}
            )
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.limits.body_bytes:
            raise self._too_large()

    def _too_large(self) -> Problem:
        return Problem("too-large", f"A request may have {self.limits.body_bytes:,} bytes.")


def _client(scope: Scope) -> str:
    return client_of(scope["client"][0]) if scope.get("client") else ""


def _is_guarded(path: str) -> bool:
    return path.startswith("/v1/") and path != "/v1/health"
