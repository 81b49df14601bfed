"""A local server that answers as MusicBrainz and the Cover Art Archive do, and misbehaves on demand.

The shapes are those of https://musicbrainz.org/doc/MusicBrainz_API (search and lookup, JSON) and
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


def details(number: int, genres: dict[str, int], sides: tuple[str, ...] = ("front",), **more: Any) -> Any:
    """What the lookup of a release says: `release` with votes for genres of its album, and its pictures."""
    entry = release(number, **more)
    entry["release-group"]["genres"] = [
        {"id": mbid(0, name), "name": name, "count": count, "disambiguation": ""}
        for name, count in genres.items()
    ]
    art = {"artwork": bool(sides), "count": len(sides), "darkened": False}
    return entry | {"genres": [], "cover-art-archive": art | {s: s in sides for s in ("front", "back")}}


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
        known: release id -> what its lookup says, from `details`.
        merged: release id -> the id of the release that it was merged into.
        pictures: (release number, "front" or "back") -> bytes.
        trouble: (release number, side), "search" or "lookup" -> what happens to its next requests, one after
            another: a status (503, 429, ...), "retry-after N", "hang", "cut", "loop", "nonsense".
        asked: every request to the two services, without the redirected ones.
        downloads: every request that ended at the archive's files.
    """

    releases: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
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
    with serving(_handler(services)) as services.address:
        yield services


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Runs a server on a free port of the loopback; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Misbehaving(BaseHTTPRequestHandler):
    """What servers here have in common: `trouble` says what happens to the next requests of a kind.

    Beside what `Services.trouble` lists, "to ADDRESS" sends on to another host.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = 2**16  # headers and body in one packet: nobody waits for an acknowledgement
    trouble: dict[Any, list[Any]]

    def log_message(self, *_: Any) -> None:
        pass

    def misbehaves(self, key: Any) -> bool:
        if not self.trouble[key]:
            return False
        what = self.trouble[key].pop(0)
        if isinstance(what, int):
            self.send(what, json.dumps(OVER_LIMIT).encode())
        elif what.startswith("retry-after "):
            self.send(503, b"", {"Retry-After": what.removeprefix("retry-after ")})
        elif what.startswith("to "):
            self.send(302, b"", {"Location": what.removeprefix("to ")})
        elif what == "hang":
            time.sleep(0.6)
            self.close_connection = True
        elif what == "cut":
            self.send(200, b"half of it", {"Content-Length": "1000"})
            self.close_connection = True
        elif what == "loop":
            self.send(307, b"", {"Location": self.path})
        elif what == "nonsense":
            self.send(200, b"<html>Service Unavailable</html>")
        return True

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _handler(services: Services) -> type[BaseHTTPRequestHandler]:
    class Handler(Misbehaving):
        trouble = services.trouble

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if match := re.fullmatch(r"/(download|items)/(\d+)/(front|back)", url.path):
                self._archive(match[1], int(match[2]), match[3])
                return
            services.asked.append(Asked(time.monotonic(), self.path, self.headers["User-Agent"]))
            if url.path == "/ws/2/release":
                self._search(parse_qs(url.query))
            elif match := re.fullmatch(r"/ws/2/release/([0-9a-f-]{36})", url.path):
                self._lookup(match[1], url.query)
            elif match := re.fullmatch(r"/release/([0-9a-f-]{36})/(front|back)(-(250|500|1200))?", url.path):
                self._cover(match[1], match[2])
            else:
                self.send(400, b"")

        def _search(self, query: dict[str, list[str]]) -> None:
            if self.misbehaves("search"):
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
            self.send(200, json.dumps(page).encode(), {"Content-Type": "application/json"})

        def _lookup(self, release_id: str, query: str) -> None:
            if self.misbehaves("lookup"):
                return
            asked_for = set(parse_qs(query)["inc"][0].split(" "))
            assert asked_for == {"artist-credits", "genres", "labels", "release-groups"}
            kind = {"Content-Type": "application/json"}
            if release_id in services.merged:
                self.send(301, b"", {"Location": f"/ws/2/release/{services.merged[release_id]}?{query}"})
            elif release_id in services.known:
                self.send(200, json.dumps(services.known[release_id]).encode(), kind)
            else:
                self.send(404, json.dumps({"error": "Not Found", "help": OVER_LIMIT["help"]}).encode(), kind)

        def _cover(self, release_id: str, side: str) -> None:
            number = next(n for n in range(500) if mbid(n) == release_id)
            if self.misbehaves((number, side)):
                return
            if (number, side) in services.pictures:
                self.send(307, b"See: ...", {"Location": f"{services.address}/download/{number}/{side}"})
            else:
                self.send(404, NOT_FOUND.format(release_id).encode(), {"Content-Type": "text/html"})

        def _archive(self, folder: str, number: int, side: str) -> None:
            if folder == "download":  # archive.org sends on to the machine that has the file
                self.send(302, b"", {"Location": f"/items/{number}/{side}"})
                return
            services.downloads.append(self.path)
            self.send(200, services.pictures[number, side], {"Content-Type": "image/jpeg"})

    return Handler
