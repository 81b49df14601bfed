"""What a source of releases by id is; there is one file for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from coverfusion.data.growing.http import Client
from coverfusion.data.growing.release import Release


@dataclass(frozen=True)
class FoundRelease:
    """A release and where its pictures lie.

    Attributes:
        release: what the source says of it.
        pictures: "front" or "back" -> address; a side without a picture is left out.
    """

    release: Release
    pictures: Mapping[str, str]


class Source(Protocol):
    """Where releases are asked for by id."""

    @property
    def name(self) -> str:
        """As `--source` takes it."""

    @property
    def title(self) -> str:
        """As people write it."""

    @property
    def id_is(self) -> str:
        """What an id looks like, for messages."""

    @property
    def licence(self) -> str:
        """For the manifest: whose the pictures and the data are."""

    @property
    def size(self) -> str:
        """Of the pictures; the same for a whole collection."""

    def id_in(self, text: str) -> str | None:
        """The release id in an id, a file name or an address; None where there is none."""

    def find(self, client: Client, release_id: str) -> FoundRelease:
        """Asks for a release; raises `data.growing.http.FetchError`."""
