"""`coverfusion similar`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import print_frame


def similar_command(
    place: Annotated[
        Path, typer.Argument(metavar="BUNDLE|INDEX", help="a run's bundle/ folder, or what index made")
    ],
    picture: Annotated[str | None, typer.Argument(help="a picture; left out with --text")] = None,
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="how many")] = 5,
    genre: Annotated[
        list[str] | None, typer.Option("--genre", "-g", help="only covers of this genre (repeatable)")
    ] = None,
    diversity: Annotated[
        float, typer.Option(min=0, max=1, help="how much they should differ: 0 not at all, 1 above all")
    ] = 0.0,
    text: Annotated[str | None, typer.Option(help="words instead of a picture; needs the block clip")] = None,
    out: Annotated[
        Path | None, typer.Option(help="a .png that shows them, or a .csv or .json that lists them")
    ] = None,
) -> None:
    """The covers nearest to a picture, or to words.

    Example: `coverfusion similar runs/covers-0123456789/bundle cover.jpg --genre Jazz --out similar.png`
    """
    from coverfusion.experiments.retrieval.similar import similar

    covers = similar(place, picture, k, out, words=text, genres=genre or None, diversity=diversity)
    print_frame(covers.drop(columns="cover_id"))
    if out:
        print_place("Picture" if out.suffix.lower() == ".png" else "List", out)
