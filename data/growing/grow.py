"""Growing a collection: covers by genre, from MusicBrainz's tags and the Cover Art Archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coverfusion.data.csv_files import read_csv
from coverfusion.data.errors import UserError
from coverfusion.data.growing import cover_art, musicbrainz
from coverfusion.data.growing.cover_art import NoCoverError, check_size, cover_address, fetch_cover
from coverfusion.data.growing.discogs import DISCOGS_ADDRESS
from coverfusion.data.growing.files import save_cover
from coverfusion.data.growing.http import Client, NoAnswerError
from coverfusion.data.growing.journal import GrowDecision, Journal, open_journal
from coverfusion.data.growing.musicbrainz import releases_by_tag
from coverfusion.data.growing.release import Release

GrowProgress = Callable[[str, int], None]
# Covers in a row without an answer after which the archive counts as down.
MAX_UNANSWERED = 5


@dataclass(frozen=True)
class Services:
    """Scheme and host of each service."""

    musicbrainz: str = musicbrainz.MUSICBRAINZ_ADDRESS
    cover_art: str = cover_art.COVER_ART_ADDRESS
    discogs: str = DISCOGS_ADDRESS


def grow(
    folder: str | os.PathLike[str],
    genres: Sequence[str],
    client: Client,
    limit: int = 500,
    size: str = "500",
    back: bool = False,
    retry: bool = False,
    progress: GrowProgress | None = None,
    services: Services | None = None,
    max_bytes: int = cover_art.MAX_COVER_BYTES,
) -> Path:
    """Fetches covers until each genre has `limit` albums; goes on where a killed run was.

    No picture comes twice: one release stands for its album (release group), and equal bytes are kept once.
    An album with the tags of two genres is kept under the first of them.

    Args:
        folder: gets `covers/`, `manifest.csv`, `rejected.csv` (with the reasons) and `journal.jsonl`.
        genres: MusicBrainz tags.
        client: whom to ask with.
        limit: albums for each genre, those that are there already included.
        size: of `data.growing.cover_art.COVER_SIZES`; the same for a whole collection.
        back: fetch the back covers of the kept fronts, too.
        retry: ask again for what was rejected before.
        progress: called with (genre, albums that it has now), then with ("GENRE, back", backs decided).
        services: other hosts than the public ones.
        max_bytes: a larger file is rejected.

    Returns:
        The manifest, a collection for `data.collection.read_collection`: artist and group keep all albums of
        an artist, of those who share a credit with them, and front and back together.

    Raises:
        UserError: a size or genre that cannot be; no release bears a tag; one of the services refuses or does
            not answer. What was fetched until then is kept.
    """
    _check(genres, limit, size)
    folder = Path(folder)
    services = services or Services()
    journal = open_journal(folder, size, retry)
    ask = _Asking(client, journal, size, services.cover_art, max_bytes)
    try:
        for genre in dict.fromkeys(genre.strip() for genre in genres):
            _grow_fronts(ask, genre, limit, services.musicbrainz, progress)
            if back:
                _grow_backs(ask, genre, progress)
    finally:
        journal.write_tables()
    return folder / "manifest.csv"


def counts(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """What a grown collection holds, one row a genre: albums, backs, rejected, asked_again."""
    folder = Path(folder)
    kept = read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    rejected = read_csv(folder / "rejected.csv", dtype=str, keep_default_na=False)
    again = rejected["asked_again"] == "True"
    parts = {
        "albums": kept.loc[kept["side"] == "front", "genre"],
        "backs": kept.loc[kept["side"] == "back", "genre"],
        "rejected": rejected.loc[~again, "genre"],
        "asked_again": rejected.loc[again, "genre"],
    }
    table = pd.DataFrame({name: genre.value_counts() for name, genre in parts.items()})
    return table.fillna(0).astype(int).rename_axis("genre").reset_index()


@dataclass
class _Asking:
    """How covers are asked for, and how many in a row went without an answer."""

    client: Client
    journal: Journal
    size: str
    address: str
    max_bytes: int
    unanswered: int = 0

    def decide(self, genre: str, release: Release, side: str) -> None:
        """Asks for one cover and writes down what became of it."""
        url = cover_address(release.release_id, side, self.size, self.address)
        path, cover_id, reason, again = "", "", "", False
        try:
            cover = fetch_cover(self.client, url, self.max_bytes)
            self.unanswered = 0
            if cover.cover_id in self.journal.path_of:
                reason = f"the same picture as {self.journal.path_of[cover.cover_id]}"
            else:
                path = save_cover(self.journal.folder, release.release_id, side, cover)
                cover_id = cover.cover_id
        except NoCoverError as error:
            reason, self.unanswered = str(error), 0
        except NoAnswerError as error:
            reason, again = str(error), True
            self.unanswered += 1
        self.journal.add(GrowDecision(genre, release, side, self.size, url, path, cover_id, reason, again))
        if self.unanswered == MAX_UNANSWERED:
            raise UserError(
                f"The Cover Art Archive did not reply for {MAX_UNANSWERED} covers in a row, the last time: "
                f"{reason}. What was fetched is kept: run the same command later."
            )

    def leave_out(self, genre: str, release: Release, there: str) -> None:
        """Writes down, once, that an album is in the collection under another genre."""
        if (genre, release.release_id) not in self.journal.listed:
            url = cover_address(release.release_id, "front", self.size, self.address)
            reason = f"its album is in the collection already, as {there}"
            self.journal.add(GrowDecision(genre, release, "front", self.size, url, reason=reason))


def _check(genres: Sequence[str], limit: int, size: str) -> None:
    check_size(size)
    if limit < 1:
        raise UserError(f"limit: {limit} covers make no collection; give 1 or more.")
    if not genres or not all(genre.strip() for genre in genres):
        raise UserError("genre: name at least one MusicBrainz tag, --genre jazz for example.")


def _grow_fronts(ask: _Asking, genre: str, limit: int, address: str, progress: GrowProgress | None) -> None:
    journal = ask.journal
    albums = len(journal.fronts(genre))
    if progress is not None:
        progress(genre, albums)
    if albums >= limit:
        return
    for release in releases_by_tag(ask.client, genre, address):
        there = journal.genre_of.get(release.release_group_id)
        if there == genre:
            continue
        if there is not None:
            ask.leave_out(genre, release, there)
        elif (release.release_id, "front") not in journal.asked:
            ask.decide(genre, release, "front")
            albums += release.release_group_id in journal.genre_of
        if progress is not None:
            progress(genre, albums)
        if albums >= limit:
            return


def _grow_backs(ask: _Asking, genre: str, progress: GrowProgress | None) -> None:
    for number, front in enumerate(ask.journal.fronts(genre), start=1):
        if (front.release.release_id, "back") not in ask.journal.asked:
            ask.decide(genre, front.release, "back")
        if progress is not None:
            progress(f"{genre}, back", number)
