"""Releases that bear a tag, from MusicBrainz's search (web service 2, JSON).

The answers' shape: https://musicbrainz.org/doc/MusicBrainz_API and .../MusicBrainz_API/Search#Release.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from coverfusion.data.errors import UserError
from coverfusion.data.growing.http import Client, FetchError

MUSICBRAINZ_ADDRESS = "https://musicbrainz.org"
RELEASES_PER_PAGE = 100  # the most that one search gives
# "Artists" that stand for many or for nobody; whoever is credited so has nothing in common.
NO_ONES_ARTIST_IDS = frozenset(
    {
        "89ad4ac3-39f7-470e-963a-56509c546377",  # Various Artists
        "125ec42a-7229-4250-afc5-e057484327fe",  # [unknown]
        "f731ccc4-e22a-43af-a747-64213329e088",  # [anonymous]
        "9be7f096-97ec-4615-8957-8d40b5dcbc41",  # [traditional]
        "eec63d3c-3b81-4ad4-b1e4-7c147d4d2b61",  # [no artist]
    }
)


@dataclass(frozen=True)
class Release:
    """One edition of an album.

    Attributes:
        release_id: MusicBrainz's UUID of the edition.
        release_group_id: UUID of the album that this is an edition of; the release's own where none is given.
        title: of the edition.
        artist: as printed, "Miles Davis & Gil Evans".
        artist_ids: UUIDs of those credited.
        date: "1959-08-17", "1959-08", "1959" or "".
    """

    release_id: str
    release_group_id: str
    title: str
    artist: str
    artist_ids: tuple[str, ...]
    date: str


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
    return Release(
        release_id=release_id,
        release_group_id=(entry.get("release-group") or {}).get("id") or release_id,
        title=entry.get("title") or "",
        artist="".join(f"{credit.get('name') or ''}{credit.get('joinphrase') or ''}" for credit in artists),
        artist_ids=tuple(credit["artist"]["id"] for credit in artists if "artist" in credit),
        date=entry.get("date") or "",
    )
