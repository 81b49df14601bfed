"""Releases from Discogs, by their number.

The answers' shape: https://www.discogs.com/developers#page:database,header:database-release. Pictures have
an address only for whoever sends a token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from coverfusion.data.errors import UserError
from coverfusion.data.growing.http import Client, WrongShapeError
from coverfusion.data.growing.release import Release, joined
from coverfusion.data.growing.source import FoundRelease

DISCOGS_ADDRESS = "https://api.discogs.com"
TOKEN_VARIABLE = "DISCOGS_TOKEN"
TOKEN_ADDRESS = "https://www.discogs.com/settings/developers"  # where people make one
REQUESTS_PER_MINUTE = {"with a token": 60, "without": 25}
_ID = re.compile(
    r"(?:.*/)?R-([0-9]+)\D.*"  # a picture's name at Discogs: R-249504-1334592212.jpeg
    r"|(?:.*/)?([0-9]+)(?:-front|-back)?\.[a-z]\w*"  # a file named by its release: 249504.jpg
    r"|\[?r?([0-9]+)\]?"
    r"|https?://.*/releases?/([0-9]+)\b.*"
)
_MOST_DIGITS = 20  # of an id; no release has more
_NUMBER_OF_NAMESAKE = re.compile(r" \(\d+\)$")  # "Prince (2)"


@dataclass(frozen=True)
class Discogs:
    """Releases by their number: a `data.growing.source.Source`.

    Attributes:
        token: of a person's account, or "".
        address: scheme and host of the web service.
    """

    token: str = field(default="", repr=False)
    address: str = DISCOGS_ADDRESS
    name: str = "discogs"
    title: str = "Discogs"
    id_is: str = "a whole number such as 249504"
    licence: str = (
        "picture: its rights holders', from Discogs, not free to pass on; release data: Discogs, CC0"
    )
    size: str = "as Discogs gives it"

    def __post_init__(self) -> None:
        # a control character would come back in an error of the HTTP library, token and all
        if not re.fullmatch(r"[!-~]*", self.token):
            raise UserError(f"{TOKEN_VARIABLE} holds a blank or a character that no token has. Set it again.")

    def manners(self) -> dict[str, Any]:
        """How a `data.growing.http.Client` asks Discogs: its pace, and the token for this host alone."""
        limit = REQUESTS_PER_MINUTE["with a token" if self.token else "without"]
        sent = {"Authorization": f"Discogs token={self.token}"} if self.token else {}
        host = urlsplit(self.address).netloc
        return {"interval": 60 / limit, "headers_for": {host: sent}, "pace": pace}

    def id_in(self, text: str) -> str | None:
        """The release id of an id, a file name or the address of a release."""
        found = _ID.fullmatch(text)
        digits = next((group for group in found.groups() if group), "") if found else ""
        number = digits.lstrip("0")
        return number if 0 < len(number) <= _MOST_DIGITS else None

    def find(self, client: Client, release_id: str) -> FoundRelease:
        """Asks for a release.

        Raises:
            data.growing.http.FetchError: no such release, or no usable reply.
            UserError: it has pictures, and Discogs gives their addresses only for a token.
        """
        body = client.get(f"{self.address}/releases/{release_id}")
        try:
            entry = json.loads(body)
            release, images = _release(entry), _images(entry)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise WrongShapeError("what came is no release") from error
        if "" in images and not self.token:
            raise UserError(
                f"Discogs gives the addresses of pictures only for a token: make one at {TOKEN_ADDRESS} and "
                f"set {TOKEN_VARIABLE}."
            )
        if "" in images:
            raise WrongShapeError("a picture came without an address")
        return FoundRelease(release, dict(zip(("front", "back"), images, strict=False)))


def pace(headers: Mapping[str, str]) -> float | None:
    """Seconds between two requests, from the limit in the headers; twice as long where it is used up.

    It is used up while others ask with the same token or from the same network.
    """
    limit, left = (headers.get(f"X-Discogs-Ratelimit{end}", "") for end in ("", "-Remaining"))
    if not limit.isdecimal() or int(limit) < 1:
        return None
    return 60 / int(limit) * (2 if left in ("0", "1") else 1)


def _release(entry: dict[str, Any]) -> Release:
    number, master = int(entry["id"]), entry.get("master_id")
    artists = entry.get("artists") or []
    return Release(
        release_id=str(number),
        release_group_id=f"m{master}" if master else f"r{number}",
        title=entry.get("title") or "",
        artist=_credit(artists),
        artist_ids=tuple(f"a{artist['id']}" for artist in artists if artist.get("id")),
        date=entry.get("released") or str(entry.get("year") or ""),
        country=entry.get("country") or "",
        label=joined([_name(label) for label in entry.get("labels") or []]),
        genres=tuple(genre for genre in entry.get("genres") or () if genre),
    )


def _name(entry: dict[str, Any]) -> str:
    """Of an artist or a label, "" where it has none."""
    return _NUMBER_OF_NAMESAKE.sub("", entry.get("name") or "")


def _credit(artists: list[dict[str, Any]]) -> str:
    """As printed: "Miles Davis & Gil Evans"."""
    printed = ""
    for artist in artists:
        printed += artist.get("anv") or _name(artist)
        join = artist.get("join") or ""
        printed += f"{'' if join == ',' else ' '}{join} " if join else ", "
    return printed.rstrip(", ")


def _images(entry: dict[str, Any]) -> list[str]:
    """Addresses of the main picture and of the first one after it, which mostly is the back.

    Discogs calls no picture front or back.
    """
    images = entry.get("images") or []
    main = [image for image in images if image.get("type") == "primary"] or images
    ordered = [*main[:1], *(image for image in images if image is not (main or [None])[0])]
    addresses = [image.get("uri") or "" for image in ordered[:2]]
    return [url if url.startswith(("https://", "http://")) else "" for url in addresses]
