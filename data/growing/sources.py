"""The sources of releases by id, by their names."""

from __future__ import annotations

import os
from typing import Any

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.growing.cover_art import check_size
from coverfusion.data.growing.discogs import TOKEN_VARIABLE, Discogs
from coverfusion.data.growing.grow import Services
from coverfusion.data.growing.musicbrainz import MusicBrainz
from coverfusion.data.growing.source import Source

SOURCE_NAMES = ("musicbrainz", "discogs")


def make_source(name: str, size: str | None, services: Services) -> tuple[Source, dict[str, Any]]:
    """A source, and the options of the `data.growing.http.Client` that asks it.

    Args:
        name: of `SOURCE_NAMES`.
        size: of pictures, where the source has several.
        services: where it is.

    Raises:
        UserError: nobody knows the source, it has no such size, or its token cannot be one.
    """
    if name == "musicbrainz":
        check_size(size or "500")
        return MusicBrainz(size or "500", services.musicbrainz, services.cover_art), {}
    if name != "discogs":
        raise UserError(f"source: there is no '{name}'.{did_you_mean(name, SOURCE_NAMES)}")
    if size is not None:
        raise UserError("size: Discogs gives each picture in one size, at most 600 pixels; leave --size out.")
    discogs = Discogs(os.environ.get(TOKEN_VARIABLE, "").strip(), services.discogs)
    return discogs, discogs.manners()
