"""`coverfusion similar`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console, print_frame


def similar_command(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="BUNDLE|INDEX", help="The bundle/ folder of a run, or a folder that index made."
        ),
    ],
    picture: Annotated[str | None, typer.Argument(help="A picture file; leave it out with --text.")] = None,
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="How many covers are named.")] = 5,
    genre: Annotated[
        list[str] | None, typer.Option("--genre", "-g", help="Name only covers of this genre (repeatable).")
    ] = None,
    diversity: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="How much the covers should differ from each other: 0 not at all, 1 above all."
        ),
    ] = 0.0,
    text: Annotated[
        str | None, typer.Option(help="Words instead of a picture; the block clip is needed.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A .png file that shows them, or a .csv or .json file that lists them."),
    ] = None,
) -> None:
    """Finds the covers nearest to a picture, or to words.

    Example: `coverfusion similar runs/covers-0123456789/bundle cover.jpg --genre Jazz --out similar.png`
    """
    console.print("Reading the index")  # before the slow imports
    from coverfusion.experiments.retrieval.similar import similar

    covers = similar(
        place, picture, k, out, words=text, genres=genre or None, diversity=diversity, itself=False
    )
    print_frame(covers.drop(columns="cover_id"))
    if covers.attrs["itself"]:
        print_place("Left out, the picture itself", covers.attrs["itself"])
    blocks = covers.attrs["blocks"]
    alike = ", each counting the same" if len(blocks) > 1 else ""
    console.print(f"Distances are over {', '.join(blocks)}{alike}; they have no unit.")
    if out:
        print_place("Picture" if out.suffix.lower() == ".png" else "List", out)
