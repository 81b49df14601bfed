"""GET as public services ask for it: a contact, a rate limit, time-outs, retries with back-off, https only.

A client of its own rather than musicbrainzngs 0.7.1: that one has no time-outs, so a dead connection hangs
for ever, and it ignores Retry-After.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from coverfusion.data.errors import UserError

# What passes by itself: too many requests, and servers or gateways that are busy or down.
BUSY_STATUSES = frozenset({429, 500, 502, 503, 504})
MAX_WAIT = 600.0  # seconds between two tries, whatever the server asks for
MAX_BODY_SECONDS = 300.0  # seconds for one body: a server that drips bytes never runs into a read time-out
_MAX_REDIRECTS = 5
_CONTACT = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://[^\s/]+\.\S+")


class FetchError(Exception):
    """Nothing was fetched; the message says why."""


class RefusedError(FetchError):
    """The server answered, and the answer will stay the same.

    Attributes:
        status: the HTTP status, 404 for example.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}".strip())
        self.status = status

    @property
    def gone(self) -> bool:
        """Nothing is there, or nothing any more."""
        return self.status in (404, 410)


class TooLargeError(FetchError):
    """The body is larger than asked for."""


class WrongShapeError(FetchError):
    """What came is not what was asked for. It may stay so, and asking again is for who wants it."""


class NoAnswerError(FetchError):
    """No usable answer in all tries: time-outs, 503s, broken connections. Later it may work."""


class _BusyError(Exception):
    """This try failed; `wait` is the number of seconds the server asked for, if it did."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass
class Client:
    """Fetches from several services, each at its own pace; for one thread.

    Attributes:
        contact: a mail address or a web page of whoever runs this; it goes into the user agent.
        interval: seconds between two requests to one host; MusicBrainz allows one request a second.
        tries: how often one thing is asked for.
        back_off: seconds before the second try; doubled for each further one. Retry-After goes first.
        timeout: seconds for (connecting, each read).
        https_only: ask nobody over plain http; a redirect to http is followed over https.
        headers_for: host (with its port, if the address has one) -> headers that it alone is sent, such as
            a token; no redirect carries them to another host.
        pace: the seconds between requests to a host, as its last headers ask for, or None.

    Raises:
        UserError: the contact is neither a mail address nor a web page.
    """

    contact: str
    interval: float = 1.0
    tries: int = 5
    back_off: float = 2.0
    timeout: tuple[float, float] = (10.0, 60.0)
    https_only: bool = True
    headers_for: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    pace: Callable[[Mapping[str, str]], float | None] = lambda headers: None
    _session: requests.Session = field(init=False, repr=False, default_factory=requests.Session)
    _last: dict[str, float] = field(init=False, repr=False, default_factory=dict)
    _asked_for: dict[str, float] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._session.headers["User-Agent"] = user_agent(self.contact)

    def get(self, url: str, params: Mapping[str, str] | None = None, max_bytes: int = 2**27) -> bytes:
        """The body of a 200.

        Args:
            url: redirects are followed.
            params: the query.
            max_bytes: no more is read than this.

        Raises:
            RefusedError: the server says no for good (404 and the like), or redirects in circles.
            TooLargeError: the body is larger than `max_bytes`.
            NoAnswerError: every try failed.
        """
        reason = ""
        for number in range(self.tries):
            self._await_turn(url)
            try:
                return self._body(url, params, max_bytes)
            except (_BusyError, requests.RequestException) as error:
                reason = _reason(error)
                asked = error.wait if isinstance(error, _BusyError) else None
            if number + 1 < self.tries:
                wait = self.back_off * 2**number if asked is None else asked
                time.sleep(min(wait, MAX_WAIT))
        raise NoAnswerError(f"{reason} ({self.tries} tries)")

    def _await_turn(self, url: str) -> None:
        host = urlsplit(url).netloc
        free = self._last.get(host, float("-inf")) + self._asked_for.get(host, self.interval)
        time.sleep(max(0.0, free - time.monotonic()))
        self._last[host] = time.monotonic()

    def _body(self, url: str, params: Mapping[str, str] | None, max_bytes: int) -> bytes:
        with self._open(url, params) as answer:
            if answer.status_code in BUSY_STATUSES:
                raise _BusyError(f"{answer.status_code} {answer.reason}".strip(), _retry_after(answer))
            if answer.status_code != 200:
                raise RefusedError(answer.status_code, answer.reason or "")
            length = answer.headers.get("Content-Length", "")
            if length.isdecimal() and int(length) > max_bytes:
                raise _too_large(max_bytes)
            deadline = time.monotonic() + MAX_BODY_SECONDS
            body = bytearray()
            for chunk in answer.iter_content(2**16):
                body += chunk
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
                if time.monotonic() > deadline:
                    raise _BusyError(f"the body took longer than {MAX_BODY_SECONDS:.0f} s")
            return bytes(body)

    def _open(self, url: str, params: Mapping[str, str] | None) -> requests.Response:
        """The first answer that is no redirect; its body is not read yet."""
        for _ in range(_MAX_REDIRECTS):
            if self.https_only:
                url = re.sub(r"^http://", "https://", url, flags=re.IGNORECASE)
            host = urlsplit(url).netloc
            answer = self._session.get(
                url,
                params=params,
                headers=self.headers_for.get(host, {}),
                timeout=self.timeout,
                stream=True,
                allow_redirects=False,
            )
            if (seconds := self.pace(answer.headers)) is not None:
                self._asked_for[host] = seconds
            if not answer.is_redirect:
                return answer
            answer.close()
            # the address that comes back has all its parameters already
            url, params = urljoin(answer.url, answer.headers["Location"]), None
        raise RefusedError(answer.status_code, f"more than {_MAX_REDIRECTS} redirects")


def user_agent(contact: str) -> str:
    """`name/version ( contact )`, as MusicBrainz asks for it.

    Raises:
        UserError: the contact is neither a mail address nor a web page.
    """
    contact = contact.strip()
    if not _CONTACT.fullmatch(contact):
        fault = f"'{contact}' is neither a mail address nor a web page" if contact else "there is none"
        raise UserError(
            f"contact: {fault}. MusicBrainz and Discogs want to know whom to write to: give "
            f"your own, --contact you@example.org, or set COVERFUSION_CONTACT."
        )
    return f"coverfusion/{metadata.version('coverfusion')} ( {contact} )"


def _retry_after(answer: requests.Response) -> float | None:
    """Seconds; the header holds a number or a date."""
    header = answer.headers.get("Retry-After")
    try:
        return None if header is None else Retry().parse_retry_after(header)
    except InvalidHeader:
        return None


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(f"too large: more than {max_bytes / 2**20:.4g} MiB")


def _reason(error: Exception) -> str:
    """What went wrong, without the addresses and objects that requests prints."""
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "time-out"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke in the middle"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error)
