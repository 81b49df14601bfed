"""Releases from MusicBrainz (web service 2, JSON): those that bear a tag, or one by its id.

The answers' shape: https://musicbrainz.org/doc/MusicBrainz_API and .../MusicBrainz_API/Search#Release.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from coverfusion.data.errors import UserError
from coverfusion.data.growing.cover_art import COVER_ART_ADDRESS, cover_address
from coverfusion.data.growing.http import Client, FetchError, WrongShapeError
from coverfusion.data.growing.journal import LICENCE
from coverfusion.data.growing.release import Release, joined
from coverfusion.data.growing.source import FoundRelease

MUSICBRAINZ_ADDRESS = "https://musicbrainz.org"
RELEASES_PER_PAGE = 100  # the most that one search gives
_UUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])",  # no part of a longer number
    re.IGNORECASE,
)
_DETAILS = "artist-credits labels release-groups genres"  # blanks become +


@dataclass(frozen=True)
class MusicBrainz:
    """Releases by their UUID, with pictures of the Cover Art Archive: a `data.growing.source.Source`.

    Attributes:
        size: of `data.growing.cover_art.COVER_SIZES`.
        address: scheme and host of the web service.
        cover_art: scheme and host of the archive.
    """

    size: str = "500"
    address: str = MUSICBRAINZ_ADDRESS
    cover_art: str = COVER_ART_ADDRESS
    name: str = "musicbrainz"
    title: str = "MusicBrainz"
    id_is: str = "a UUID such as 76df3287-6cda-33eb-8e9a-044b5e15ffdd"
    licence: str = LICENCE

    def id_in(self, text: str) -> str | None:
        """The release id of an id, a file name or the address of a release."""
        found = _UUID.findall(text)
        other = "://" in text and "/release/" not in text  # an artist's address, or an album's
        return str(uuid.UUID(found[0])) if len(found) == 1 and not other else None

    def find(self, client: Client, release_id: str) -> FoundRelease:
        """Asks for a release; one that was merged into another comes under the other's id.

        Raises:
            data.growing.http.FetchError: no such release, or no usable reply.
        """
        body = client.get(f"{self.address}/ws/2/release/{release_id}", {"inc": _DETAILS, "fmt": "json"})
        try:
            entry = json.loads(body)
            release = _release(entry)
            art = entry.get("cover-art-archive") or {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise WrongShapeError("what came is no release") from error
        if release is None:
            raise WrongShapeError("what came is no release")
        pictures = {
            side: cover_address(release.release_id, side, self.size, self.cover_art)
            for side in ("front", "back")
            if art.get(side, True)
        }
        return FoundRelease(release, pictures)


def releases_by_tag(client: Client, tag: str, address: str = MUSICBRAINZ_ADDRESS) -> Iterator[Release]:
    """All releases with a tag, the best match first; a page is asked for when it is needed.

    Args:
        client: at most one request a second.
        tag: as people wrote it, "jazz" or "hip hop".
        address: scheme and host of the web service.

    Raises:
        UserError: nothing bears this tag, or MusicBrainz refuses or does not answer.
    """
    offset, count = 0, 1
    while offset < count:
        page = _page(client, tag, offset, address)
        count, releases = int(page["count"]), page["releases"]
        if count == 0:
            raise UserError(
                f"genre: MusicBrainz knows no release with the tag '{tag}'. "
                f"The tags in use are listed at https://musicbrainz.org/tags."
            )
        if not releases:
            return
        for entry in releases:
            if (release := _release(entry)) is not None:
                yield release
        offset += len(releases)


def _page(client: Client, tag: str, offset: int, address: str) -> dict[str, Any]:
    escaped = tag.replace("\\", "\\\\").replace('"', '\\"')
    query = {
        "query": f'tag:"{escaped}"',
        "limit": str(RELEASES_PER_PAGE),
        "offset": str(offset),
        "fmt": "json",
    }
    try:
        page: dict[str, Any] = json.loads(client.get(f"{address}/ws/2/release", query))
        page["count"], page["releases"]
    except FetchError as error:
        raise _no_search(str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _no_search("its answer is no list of releases") from error
    return page


def _no_search(reason: str) -> UserError:
    return UserError(
        f"MusicBrainz's search failed: {reason}. What was fetched is kept: run the same command later."
    )


def _release(entry: dict[str, Any]) -> Release | None:
    """None where the id is no UUID: it becomes a file name."""
    try:
        release_id = str(uuid.UUID(entry["id"]))
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    artists = entry.get("artist-credit") or []
    album = entry.get("release-group") or {}
    labels = [(info.get("label") or {}).get("name") or "" for info in entry.get("label-info") or []]
    return Release(
        release_id=release_id,
        release_group_id=album.get("id") or release_id,
        title=entry.get("title") or "",
        artist="".join(f"{credit.get('name') or ''}{credit.get('joinphrase') or ''}" for credit in artists),
        artist_ids=tuple(one for credit in artists if (one := (credit.get("artist") or {}).get("id"))),
        date=entry.get("date") or "",
        country=entry.get("country") or "",
        label=joined(labels),
        genres=_genres(entry) or _genres(album),
    )


def _genres(entry: dict[str, Any]) -> tuple[str, ...]:
    """Those that people voted for, the one with most votes first."""
    found = [genre for genre in entry.get("genres") or [] if genre.get("count") and genre.get("name")]
    return tuple(genre["name"] for genre in sorted(found, key=lambda genre: (-genre["count"], genre["name"])))
