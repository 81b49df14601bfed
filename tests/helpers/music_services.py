"""A local server that answers as MusicBrainz's search and the Cover Art Archive do, and misbehaves on demand.

The shapes are those of https://musicbrainz.org/doc/MusicBrainz_API/Search (JSON) and
https://musicbrainz.org/doc/Cover_Art_Archive/API; names and ids are made up.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

NOT_FOUND = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>No cover art found for release {}</p>"""
OVER_LIMIT = {
    "error": "Your requests are exceeding the allowable rate limit. Please see "
    "https://musicbrainz.org/doc/MusicBrainz_API/Rate_Limiting for more information.",
    "help": "For usage, please see: https://musicbrainz.org/development/mmd",
}


def mbid(number: int, kind: str = "release") -> str:
    """The same UUID for the same number and kind."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{number}"))


def release(number: int, album: int | None = None, artists: tuple[str, ...] = ()) -> dict[str, Any]:
    """One entry of a search's list; `artists` are printed as "A & B"."""
    names = artists or (f"Artist {number}",)
    credited: list[dict[str, Any]] = [
        {"name": name, "artist": {"id": artist_id(name), "name": name, "sort-name": name}} for name in names
    ]
    for credit in credited[:-1]:
        credit["joinphrase"] = " & "
    return {
        "id": mbid(number),
        "score": 100,
        "status-id": "4e304316-386d-3409-af2e-78857eec5cfe",
        "count": 1,
        "title": f'Album, no. {number} "live"',
        "status": "Official",
        "text-representation": {"language": "eng", "script": "Latn"},
        "artist-credit": credited,
        "release-group": {
            "id": mbid(number if album is None else album, "release-group"),
            "type-id": "f529b476-6e62-324f-b0aa-1f3e33d313fc",
            "primary-type-id": "f529b476-6e62-324f-b0aa-1f3e33d313fc",
            "title": f"Album, no. {number}",
            "primary-type": "Album",
        },
        "date": "1959-08-17",
        "country": "US",
        "release-events": [{"date": "1959-08-17"}],
        "barcode": "",
        "label-info": [{"catalog-number": "CL 1355", "label": {"id": mbid(1, "label"), "name": "Label"}}],
        "track-count": 5,
        "media": [{"format": '12" Vinyl', "disc-count": 0, "track-count": 5}],
        "tags": [{"count": 3, "name": "jazz"}],
    }


def artist_id(name: str) -> str:
    """An artist's UUID; that of Various Artists is the real one."""
    known = {"Various Artists": "89ad4ac3-39f7-470e-963a-56509c546377"}
    return known.get(name, str(uuid.uuid5(uuid.NAMESPACE_URL, name)))


@dataclass
class Asked:
    """One request: when (seconds), for what, and by whom."""

    time: float
    path: str
    agent: str


@dataclass
class Services:
    """What the server knows and saw.

    Attributes:
        releases: tag -> entries of `release`.
        pictures: (release number, "front" or "back") -> bytes.
        trouble: (release number, side) or "search" -> what happens to its next requests, one after another:
            a status (503, 429, ...), "retry-after N", "hang", "cut", "loop", "nonsense".
        asked: every request to the two services, without the redirected ones.
        downloads: every request that ended at the archive's files.
    """

    releases: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    pictures: dict[tuple[int, str], bytes] = field(default_factory=dict)
    trouble: dict[Any, list[Any]] = field(default_factory=lambda: defaultdict(list))
    asked: list[Asked] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    address: str = ""

    def covers_asked(self) -> list[tuple[int, str]]:
        """(release number, side) of every request for a cover."""
        numbers = {mbid(number): number for number in range(500)}
        found = [re.match(r"/release/([^/]+)/(front|back)", asked.path) for asked in self.asked]
        return [(numbers[match[1]], match[2]) for match in found if match]

    def searches(self) -> list[str]:
        """The paths of every search."""
        return [asked.path for asked in self.asked if asked.path.startswith("/ws/2/")]


@contextmanager
def served(services: Services) -> Iterator[Services]:
    """Runs the server on a free port of the loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(services))
    server.daemon_threads = True
    services.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        server.server_close()


def _handler(services: Services) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 2**16  # headers and body in one packet: nobody waits for an acknowledgement

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if match := re.fullmatch(r"/(download|items)/(\d+)/(front|back)", url.path):
                self._archive(match[1], int(match[2]), match[3])
                return
            services.asked.append(Asked(time.monotonic(), self.path, self.headers["User-Agent"]))
            if url.path == "/ws/2/release":
                self._search(parse_qs(url.query))
            elif match := re.fullmatch(r"/release/([0-9a-f-]{36})/(front|back)(-(250|500|1200))?", url.path):
                self._cover(match[1], match[2])
            else:
                self._send(400, b"")

        def _search(self, query: dict[str, list[str]]) -> None:
            if self._misbehaves("search"):
                return
            assert query["fmt"] == ["json"]
            tag = re.fullmatch(r'tag:"(.*)"', query["query"][0])
            found = services.releases.get(tag[1] if tag else "", [])
            offset, limit = int(query["offset"][0]), int(query["limit"][0])
            page = {
                "created": "2026-01-01T00:00:00.000Z",
                "count": len(found),
                "offset": offset,
                "releases": found[offset : offset + min(limit, 100)],
            }
            self._send(200, json.dumps(page).encode(), {"Content-Type": "application/json"})

        def _cover(self, release_id: str, side: str) -> None:
            number = next(n for n in range(500) if mbid(n) == release_id)
            if self._misbehaves((number, side)):
                return
            if (number, side) in services.pictures:
                self._send(307, b"See: ...", {"Location": f"{services.address}/download/{number}/{side}"})
            else:
                self._send(404, NOT_FOUND.format(release_id).encode(), {"Content-Type": "text/html"})

        def _archive(self, folder: str, number: int, side: str) -> None:
            if folder == "download":  # archive.org sends on to the machine that has the file
                self._send(302, b"", {"Location": f"/items/{number}/{side}"})
                return
            services.downloads.append(self.path)
            self._send(200, services.pictures[number, side], {"Content-Type": "image/jpeg"})

        def _misbehaves(self, key: Any) -> bool:
            if not services.trouble[key]:
                return False
            what = services.trouble[key].pop(0)
            if isinstance(what, int):
                self._send(what, json.dumps(OVER_LIMIT).encode())
            elif what.startswith("retry-after "):
                self._send(503, b"", {"Retry-After": what.removeprefix("retry-after ")})
            elif what == "hang":
                time.sleep(0.6)
                self.close_connection = True
            elif what == "cut":
                self._send(200, b"half of it", {"Content-Length": "1000"})
                self.close_connection = True
            elif what == "loop":
                self._send(307, b"", {"Location": self.path})
            elif what == "nonsense":
                self._send(200, b"<html>Service Unavailable</html>")
            return True

        def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler
