"""`coverfusion grow`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from coverfusion.data.errors import needs_extra
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import print_frame


def grow_command(
    genre: Annotated[
        list[str],
        typer.Option("--genre", "-g", help="A MusicBrainz tag, such as jazz or 'hip hop' (repeatable)."),
    ],
    out: Annotated[Path, typer.Option(help="The collection's folder; a run that was stopped goes on in it.")],
    limit: Annotated[int, typer.Option(min=1, help="The number of albums for each genre.")] = 500,
    size: Annotated[
        str, typer.Option(help="The longer side of pictures in pixels: 250, 500, 1200 or original.")
    ] = "500",
    back: Annotated[bool, typer.Option("--back", help="Take back covers too.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Ask again for what was rejected before.")] = False,
    contact: Annotated[
        str,
        typer.Option(
            envvar="COVERFUSION_CONTACT", help="Your mail address or web page, which MusicBrainz asks for."
        ),
    ] = "",
) -> None:
    """Grows a collection: covers by genre from MusicBrainz and the Cover Art Archive, one request a second.

    The covers belong to their rights holders: look at `licence` in the manifest before you pass any on.

    Example: `coverfusion grow --genre jazz --genre metal --limit 500 --out grown --contact you@example.org`
    """
    needs_extra("grow", "`coverfusion grow`")
    from coverfusion.data.growing.grow import counts, grow
    from coverfusion.data.growing.http import Client
    from coverfusion.experiments.pipeline.progress import counted

    client = Client(contact)
    began = time.monotonic()
    have: dict[str, int] = {}
    first: dict[str, int] = {}
    with counted("covers", limit * len(set(genre)) * (2 if back else 1)) as bar:

        def progress(name: str, covers: int) -> None:
            have[name] = min(covers, limit)
            new = sum(have.values()) - sum(min(first.setdefault(key, n), limit) for key, n in have.items())
            rate = new / (time.monotonic() - began)
            bar.update(bar.task_ids[0], completed=sum(have.values()), now=f"{name}, {rate:.1f} covers/s")

        manifest = grow(out, genre, client, limit, size, back, retry, progress)
    print_frame(counts(out), "Covers")
    print_place("Manifest", manifest)
    print_place("Rejected, with reasons", out / "rejected.csv")
