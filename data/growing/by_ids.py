"""Growing a collection from release ids: the same ids give the same collection, as its lock file shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.growing.cover_art import GoneError, NoCoverError, fetch_cover
from coverfusion.data.growing.files import save_cover, write_table
from coverfusion.data.growing.grow import MAX_UNANSWERED
from coverfusion.data.growing.http import (
    Client,
    FetchError,
    NoAnswerError,
    RefusedError,
    TooLargeError,
    WrongShapeError,
)
from coverfusion.data.growing.id_tables import status_counts, write_tables
from coverfusion.data.growing.ids import WantedRelease
from coverfusion.data.growing.lock import LOCK_NAME, differences, lock_of, read_lock, write_lock
from coverfusion.data.growing.records import Picture, Record, Records, check_source, open_records
from coverfusion.data.growing.source import Source
from coverfusion.data.locks import only_one

_KEPT = "What was fetched is kept: run the same command later."
_LOCKED_OUT = (401, 403)
IdProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Grown:
    """What a run has made.

    Attributes:
        manifest: a collection for `data.collection.read_collection`.
        lock: of the whole collection, or None while pictures have no reply.
        differences: from the lock that was compared with; see `data.growing.lock.differences`.
        compared: the path of that lock, or None.
        counts: one row a side; the columns are the statuses of pictures.
    """

    manifest: Path
    lock: Path | None
    differences: pd.DataFrame
    compared: Path | None
    counts: pd.DataFrame

    @property
    def unanswered(self) -> int:
        """Pictures that the next run asks for again."""
        return int(self.counts["open"].sum())


def grow_by_ids(
    folder: str | os.PathLike[str],
    wanted: Sequence[WantedRelease],
    source: Source,
    client: Client,
    back: bool = False,
    retry: bool = False,
    lock: str | os.PathLike[str] | None = None,
    progress: IdProgress | None = None,
) -> Grown:
    """Fetches the covers of releases; goes on where a killed run was.

    Args:
        folder: gets `covers/`, `manifest.csv`, `rejected.csv`, `journal.jsonl` and, once every picture is
            decided, `grow.lock.csv`. The rows are in the order of `wanted`, whatever was interrupted.
        wanted: from `data.growing.ids.read_ids`. A release under two genres is two rows of one picture.
        source: where the releases are.
        client: whom to ask with.
        back: fetch back covers, too: rows of their own, with `side` "back".
        retry: ask again for what could not be had before.
        lock: compare with this lock of another collection, else with the folder's own. An own lock from
            which pictures differ stays as it is.
        progress: called with (releases that are done, releases that were asked for in this run).

    Raises:
        UserError: the folder holds another kind of collection or is in use; the source refuses or does not
            reply. What was fetched until then is kept.
    """
    folder = Path(folder)
    check_source(folder, source)
    if lock is not None:
        read_lock(lock)  # refused before anything is asked for
    ids = list(dict.fromkeys(one.release_id for one in wanted))
    sides = _sides(back)

    def busy() -> None:
        raise UserError(f"Another `coverfusion grow` works in {folder}. Wait for it, or name another --out.")

    with only_one(folder / ".grow.busy", busy):
        records = open_records(folder, source, retry)
        try:
            _ask_all(_Asking(client, source, records), ids, sides, progress)
        finally:
            write_tables(records, wanted, source, sides)
        return _compared(records, ids, sides, lock, retry)


@dataclass
class _Asking:
    """How releases are asked for, and how many requests in a row went without a reply."""

    client: Client
    source: Source
    records: Records
    unanswered: int = 0
    answered: bool = False

    def decide(self, release_id: str, sides: Sequence[str]) -> None:
        """Asks for a release and for these sides of it, and writes down what became of them."""
        known = self.records.of.get(release_id, Record(release_id, None, {}))
        pictures = dict(known.pictures)
        try:
            found = self.source.find(self.client, release_id)
        except NoAnswerError as error:
            pictures |= dict.fromkeys(sides, Picture("open", reason=str(error)))
            self.records.add(Record(release_id, known.release, pictures))
            self._no_reply(error)
            return
        except (WrongShapeError, TooLargeError) as error:
            pictures |= dict.fromkeys(sides, Picture("bad", reason=str(error)))
            self.records.add(Record(release_id, known.release, pictures))
            self._in_a_row(error)
            return
        except RefusedError as error:
            if error.status in _LOCKED_OUT:
                raise UserError(
                    f"{self.source.title} refuses: {error}. Look at your token, if there is one, and at "
                    f"--contact. What was fetched is kept."
                ) from error
            status = "gone" if error.gone else "bad"
            self._reply()
            pictures |= dict.fromkeys(sides, Picture(status, reason=f"no such release ({error.status})"))
            self.records.add(Record(release_id, known.release, pictures))
            return
        self._reply()
        last: NoAnswerError | None = None
        for side in sides:
            try:
                pictures[side] = self._picture(release_id, side, found.pictures.get(side, ""))
                self._reply()
            except NoAnswerError as error:
                pictures[side] = Picture("open", found.pictures[side], reason=str(error))
                last = error
        self.records.add(Record(release_id, found.release, pictures))
        if last is not None:
            self._no_reply(last)

    def _picture(self, release_id: str, side: str, url: str) -> Picture:
        if not url:
            return Picture("none", reason=f"{self.source.title} has no {side} of it")
        try:
            cover = fetch_cover(self.client, url)
        except GoneError as error:
            return Picture("gone", url, reason=str(error))
        except NoCoverError as error:
            return Picture("bad", url, reason=str(error))
        path = save_cover(self.records.folder, release_id, side, cover)
        return Picture("ok", url, path, cover.cover_id, len(cover.data))

    def _reply(self) -> None:
        self.unanswered, self.answered = 0, True

    def _no_reply(self, error: NoAnswerError) -> None:
        if not self.answered:
            raise UserError(f"{self.source.title} does not reply: {error}. Is there a network? {_KEPT}")
        self._in_a_row(error)

    def _in_a_row(self, error: FetchError) -> None:
        """Ends the run where nothing usable came too often."""
        self.unanswered += 1
        if self.unanswered == MAX_UNANSWERED:
            raise UserError(
                f"{self.source.title} gave no usable reply for {MAX_UNANSWERED} releases in a row, the last "
                f"time: {error}. {_KEPT}"
            )


def _sides(back: bool) -> tuple[str, ...]:
    return ("front", "back") if back else ("front",)


def _ask_all(ask: _Asking, ids: list[str], sides: tuple[str, ...], progress: IdProgress | None) -> None:
    asked = 0
    for done, release_id in enumerate(ids, start=1):
        if missing := ask.records.missing(release_id, sides):
            ask.decide(release_id, missing)
            asked += 1
        if progress is not None:
            progress(done, asked)


def _compared(
    records: Records, ids: list[str], sides: tuple[str, ...], lock: str | os.PathLike[str] | None, retry: bool
) -> Grown:
    """Compares with a lock, and writes the folder's own where nothing speaks against it."""
    here, counts = lock_of(records, ids, sides), status_counts(records, ids, sides)
    own, listed = records.folder / LOCK_NAME, records.folder / "differences.csv"
    compared = Path(lock) if lock is not None else own if own.exists() else None
    found = here.iloc[:0]
    if compared is not None:
        found = differences(read_lock(compared), here, sides)
    if lock is None:  # an own lock may get further ids, and what was asked for anew
        found = (
            found[~found["difference"].isin(["not in the lock", *["came"] * retry])] if len(found) else found
        )
    if len(found):
        write_table(found, listed)
    else:
        listed.unlink(missing_ok=True)
    if counts["open"].sum() == 0 and (found.empty or lock is not None):
        write_lock(here, own, sides)
    return Grown(records.folder / "manifest.csv", own if own.exists() else None, found, compared, counts)
