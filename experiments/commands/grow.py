"""`coverfusion grow`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverfusion.data.errors import UserError, needs_extra
from coverfusion.data.plurals import how_many
from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console, print_frame

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 5  # differences from a lock; the file has all


def grow_command(
    out: Annotated[Path, typer.Option(help="The collection's folder; a run that was stopped goes on in it.")],
    genre: Annotated[
        list[str] | None,
        typer.Option("--genre", "-g", help="A MusicBrainz tag, such as jazz or 'hip hop' (repeatable)."),
    ] = None,
    ids: Annotated[
        Path | None,
        typer.Option(
            help="Fetch these releases: a text file with an id, address or file name a line, or a CSV, TSV "
            "or parquet table with a column id or release, and perhaps genre."
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            help="Whose ids they are: musicbrainz, or discogs, which gives pictures only for a token in the "
            "environment variable DISCOGS_TOKEN."
        ),
    ] = "musicbrainz",
    lock: Annotated[
        Path | None,
        typer.Option(
            help="With --ids: another collection's grow.lock.csv. One that lies in --out is taken by itself. "
            "Where pictures differ, differences.csv lists them and the status is 2."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --genre: albums for each genre.  [default: 500]")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            help="The longer side of pictures in pixels: 250, 500, 1200 or original.  [default: 500]"
        ),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Take back covers too.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Ask again for what was rejected before.")] = False,
    contact: Annotated[
        str,
        typer.Option(
            envvar="COVERFUSION_CONTACT", help="Your mail address or web page, which the services ask for."
        ),
    ] = "",
) -> None:
    """Grows a collection: covers by genre from MusicBrainz, or by release ids from MusicBrainz or Discogs.

    It sends one request a second. The covers belong to their rights holders: look at `licence` in the
    manifest before you pass any on.

    Example: `coverfusion grow --genre jazz --genre metal --limit 500 --out grown --contact you@example.org`
    """
    needs_extra("grow", "`coverfusion grow`")
    _check(genre, ids, source, lock, limit)
    if ids is not None:
        _grow_ids(ids, source, out, lock, size, back, retry, contact)
    else:
        _grow_genres(genre or [], out, limit or 500, size or "500", back, retry, contact)


def _check(
    genre: list[str] | None, ids: Path | None, source: str, lock: Path | None, limit: int | None
) -> None:
    if bool(genre) == (ids is not None):
        raise UserError("Give either --genre, for covers by MusicBrainz tag, or --ids, for certain releases.")
    if ids is None and (lock is not None or source != "musicbrainz"):
        name = "--lock" if lock is not None else f"--source {source}"
        raise UserError(f"{name} goes with --ids: say which releases.")
    if ids is not None and limit is not None:
        raise UserError("--limit goes with --genre. For some of the ids, give a file with these alone.")


def _grow_genres(
    genre: list[str], out: Path, limit: int, size: str, back: bool, retry: bool, contact: str
) -> None:
    from coverfusion.data.growing.grow import counts, grow
    from coverfusion.data.growing.http import Client
    from coverfusion.experiments.pipeline.progress import counted

    client = Client(contact)
    asked = list(dict.fromkeys(genre))
    covers = limit * len(asked) * (2 if back else 1)
    _print_plan(
        f"{how_many(limit, 'album')} each of {', '.join(asked)} from MusicBrainz",
        covers * client.interval,
        out,
    )
    began = time.monotonic()
    have: dict[str, int] = {}
    first: dict[str, int] = {}
    with counted("covers", covers) as bar:

        def progress(name: str, covers: int) -> None:
            have[name] = min(covers, limit)
            new = sum(have.values()) - sum(min(first.setdefault(key, n), limit) for key, n in have.items())
            rate = new / (time.monotonic() - began)
            bar.update(bar.task_ids[0], completed=sum(have.values()), now=f"{name}, {rate:.1f} covers/s")

        manifest = grow(out, genre, client, limit, size, back, retry, progress)
    print_frame(counts(out), "Covers")
    print_place("Manifest", manifest)
    print_place("Rejected, with reasons", out / "rejected.csv")
    print_next("train on it", "train", manifest)


def _grow_ids(
    ids: Path,
    source: str,
    out: Path,
    lock: Path | None,
    size: str | None,
    back: bool,
    retry: bool,
    contact: str,
) -> None:
    from coverfusion.data.growing import grow as services
    from coverfusion.data.growing.by_ids import grow_by_ids
    from coverfusion.data.growing.discogs import TOKEN_ADDRESS, TOKEN_VARIABLE, Discogs
    from coverfusion.data.growing.http import Client
    from coverfusion.data.growing.ids import read_ids
    from coverfusion.data.growing.sources import make_source
    from coverfusion.experiments.pipeline.progress import counted

    asked, manners = make_source(source, size, services.Services())
    client = Client(contact, **manners)
    wanted = read_ids(ids, asked)
    releases = len({one.release_id for one in wanted})
    seconds = releases * client.interval * (2 if back and source == "musicbrainz" else 1)
    if isinstance(asked, Discogs) and not asked.token:
        console.print(
            f"{TOKEN_VARIABLE} is not set, and Discogs gives pictures only for a token. Make one at "
            f"{TOKEN_ADDRESS}.",
            style="yellow",
            soft_wrap=True,
        )
    _print_plan(f"{how_many(releases, 'release')} of {ids} from {asked.title}", seconds, out)
    began = time.monotonic()
    with counted("releases", releases) as bar:

        def progress(done: int, fetched: int) -> None:
            rate = fetched / (time.monotonic() - began)
            bar.update(bar.task_ids[0], completed=done, now=f"{rate:.1f} releases/s")

        grown = grow_by_ids(out, wanted, asked, client, back, retry, lock, progress)
    print_frame(grown.counts, "Pictures")
    print_place("Manifest", grown.manifest)
    print_place("Rejected, with reasons", out / "rejected.csv")
    if grown.unanswered:
        raise UserError(
            f"{how_many(grown.unanswered, 'picture')} got no reply. Run the same command again: it asks for "
            f"these alone."
        )
    print_place("Lock", grown.lock)
    if len(grown.differences):
        raise UserError(_said(grown.differences, grown.compared, out, lock is None))
    if grown.compared is not None:
        console.print(f"Equal to {grown.compared}.", soft_wrap=True)
    print_next("train on it", "train", grown.manifest)


def _print_plan(what: str, seconds: float, out: Path) -> None:
    """Prints what will be asked for, and how long the pace that the services allow makes it."""
    hours, minutes = divmod(round(seconds / 60), 60)
    took = f"{seconds:.0f} s" if seconds < 90 else f"{hours} h {minutes} min" if hours else f"{minutes} min"
    console.print(f"{what}: {took} or more, less what {out} has.", soft_wrap=True)


def _said(found: pd.DataFrame, compared: Path | None, out: Path, own: bool) -> str:
    shown = ", ".join(f"{row.id} {row.side} {row.difference}" for row in found.head(_SHOWN).itertuples())
    more = f", and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    accept = f" Delete {compared} and run again to lock what is here now." if own else ""
    return (
        f"{how_many(len(found), 'picture differs', 'pictures differ')} from {compared}: {shown}{more}. "
        f"All are in {out / 'differences.csv'}.{accept}"
    )
