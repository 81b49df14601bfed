"""A local server that answers as Discogs does, and a second host for its pictures; both misbehave on demand.

The shape is that of https://www.discogs.com/developers#page:database,header:database-release; names are
made up.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.helpers.music_services import Misbehaving, serving

TOKEN = "qWeRtYuIoPaSdFgHjKlZxCvBnM1234567890abcd"


def discogs_release(number: int, genres: tuple[str, ...] = ("Rock",), artist: str = "", **more: Any) -> Any:
    """What Discogs says of a release, without `images`: the server adds those that it has."""
    name = artist or f"Artist {number}"
    return {
        "id": number,
        "status": "Accepted",
        "year": 1991,
        "resource_url": f"https://api.discogs.com/releases/{number}",
        "uri": f"https://www.discogs.com/release/{number}-x",
        "artists": [
            {"name": f"{name} (2)", "anv": "", "join": "", "role": "", "tracks": "", "id": abs(hash_of(name))}
        ],
        "artists_sort": name,
        "labels": [
            {"name": "Label (3)", "catno": "SO-010", "entity_type": "1", "id": 2902},
            {"name": "Label (3)", "catno": "SO-010-2", "entity_type": "1", "id": 2902},
        ],
        "formats": [{"name": "Vinyl", "qty": "1", "descriptions": ["LP", "Album"]}],
        "data_quality": "Correct",
        "master_id": 0,
        "title": f"Album {number}",
        "country": "UK",
        "released": "1991-09-00",
        "genres": list(genres),
        "styles": ["Shoegaze"],
        "thumb": "",
    } | more


def hash_of(name: str) -> int:
    """The same number for the same name, in every process."""
    return 1000 + sum(ord(letter) * 31**place % 9973 for place, letter in enumerate(name))


@dataclass
class DiscogsService:
    """What the server knows and saw.

    Attributes:
        releases: number -> `discogs_release`.
        pictures: number -> the files of its pictures, the main one first.
        trouble: number, or (number, "picture"), -> what happens to its next requests.
        headers: sent with every reply about a release.
        asked: (host's kind, path, the header Authorization or None) of each request.
    """

    releases: dict[int, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[int, list[bytes]] = field(default_factory=dict)
    trouble: dict[Any, list[Any]] = field(default_factory=lambda: defaultdict(list))
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    address: str = ""
    images: str = ""

    def paths(self) -> list[str]:
        """The path of every request."""
        return [path for _, path, _ in self.asked]


@contextmanager
def discogs(service: DiscogsService) -> Iterator[DiscogsService]:
    """Runs both hosts."""
    with serving(_api(service)) as service.address, serving(_images(service)) as service.images:
        yield service


def _api(service: DiscogsService) -> type[Misbehaving]:
    class Handler(Misbehaving, BaseHTTPRequestHandler):
        trouble = service.trouble

        def do_GET(self) -> None:
            sent = self.headers["Authorization"]
            service.asked.append(("api", self.path, sent))
            found = re.fullmatch(r"/releases/(\d+)", self.path)
            number = int(found[1]) if found else 0
            if self.misbehaves(number):
                return
            if sent not in (None, f"Discogs token={TOKEN}"):
                self._reply(401, {"message": "Invalid consumer token. Please register an app."})
            elif number in service.releases:
                images = [
                    _image(service, number, place, bool(sent))
                    for place in range(len(service.pictures.get(number, ())))
                ]
                entry = service.releases[number]
                self._reply(200, entry | {"images": images} if images else entry)
            else:
                self._reply(404, {"message": "Release not found."})

        def _reply(self, status: int, value: Any) -> None:
            kind = {"Content-Type": "application/json"}
            self.send(status, json.dumps(value).encode(), kind | service.headers)

    return Handler


def _image(service: DiscogsService, number: int, place: int, allowed: bool) -> dict[str, Any]:
    url = f"{service.images}/R-{number}-{place}.jpeg" if allowed else ""
    kind = "secondary" if place else "primary"
    return {"type": kind, "uri": url, "resource_url": url, "uri150": url, "width": 600, "height": 600}


def _images(service: DiscogsService) -> type[Misbehaving]:
    class Handler(Misbehaving, BaseHTTPRequestHandler):
        trouble = service.trouble

        def do_GET(self) -> None:
            service.asked.append(("images", self.path, self.headers["Authorization"]))
            found = re.fullmatch(r"/R-(\d+)-(\d)\.jpeg", self.path)
            assert found
            number, place = map(int, found.groups())
            if self.misbehaves((number, "picture")):
                return
            if place < len(service.pictures.get(number, ())):
                self.send(200, service.pictures[number][place], {"Content-Type": "image/jpeg"})
            else:
                self.send(404, b"")

    return Handler
