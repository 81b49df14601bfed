"""What is known of a release, whoever says it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Release:
    """One edition of an album.

    Attributes:
        release_id: the source's id of the edition: a UUID at MusicBrainz, a number at Discogs.
        release_group_id: id of the album that this is an edition of; the release's own where none is given.
        title: of the edition.
        artist: as printed, "Miles Davis & Gil Evans".
        artist_ids: ids of those credited.
        date: "1959-08-17", "1959-08", "1959" or "".
        country: where it was published, as the source writes it, "US" or "Europe", or "".
        label: the names of its labels, "Columbia|CBS", or "".
        genres: the source's own, the first one first.
    """

    release_id: str
    release_group_id: str
    title: str
    artist: str
    artist_ids: tuple[str, ...]
    date: str
    country: str = ""
    label: str = ""
    genres: tuple[str, ...] = ()

    @property
    def year(self) -> str:
        """Four digits or ""."""
        year = self.date[:4]
        return year if year.isascii() and year.isdecimal() and year != "0000" else ""


def joined(names: list[str]) -> str:
    """Several values of one cell: "Columbia|CBS", each once."""
    return "|".join(dict.fromkeys(name for name in names if name))


def release_cells(release: Release) -> dict[str, Any]:
    """A release as cells of a table."""
    return asdict(release) | {"year": release.year, "genres": joined(list(release.genres))}


def release_of(row: dict[str, Any]) -> Release:
    """A release from the lists of a JSON line; what older lines lack is empty."""
    return Release(**row | {name: tuple(row.get(name, ())) for name in ("artist_ids", "genres")})
