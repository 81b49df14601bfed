"""`coverfusion report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console


def report_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that `coverfusion train` made.")],
    out: Annotated[Path | None, typer.Option(help="The folder of the pages; RUN/genres by default.")] = None,
) -> None:
    """Writes a page for each genre: what its covers look like and what sets them apart.

    Example: `coverfusion report runs/covers-1a2b3c4d5e --out genres/`
    """
    from coverfusion.experiments.genres.report import write_genre_report

    index = write_genre_report(run, out or run / "genres")
    print_place("Index", index)
    console.print(f"Genre pages: {len(list(index.parent.glob('genre-*.html')))}")
    print_next("see its covers on a map", "map", run)
