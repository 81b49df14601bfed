"""`coverfusion similar`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console, new_table


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
        list[str] | None,
        typer.Option("--genre", "-g", help="Name only covers that have this genre (repeatable)."),
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
    from coverfusion.experiments.drawing.words import in_folder
    from coverfusion.experiments.retrieval.similar import distance_words, similar

    covers = similar(place, picture, k, out, words=text, genres=genre or None, diversity=diversity)
    folder, names = in_folder(covers["path"].tolist())
    if folder:
        print_place("Covers in", folder)
    table = new_table()
    table.add_column("genre", overflow="fold")
    table.add_column("file", overflow="fold")
    table.add_column("distance", justify="right")
    for name, cover in zip(names, covers.itertuples(), strict=True):
        table.add_row(str(cover.genre), name, f"{cover.distance:.2f}")
    console.print(table)
    console.print(distance_words(place, text is not None))
    if out:
        print_place("Picture" if out.suffix.lower() == ".png" else "List", out)
    if picture is not None and not (place / "index.json").is_file():
        print_next("see why it gets its genre", "explain", place, picture)
