"""`coverfusion similar`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.commands.shown import console, print_frame


def similar(
    bundle: Annotated[Path, typer.Argument(help="a run's bundle/ folder")],
    picture: Annotated[str, typer.Argument(help="a picture")],
    k: Annotated[int, typer.Option(min=1, help="how many neighbours")] = 5,
    out: Annotated[Path | None, typer.Option(help="a PNG that shows them")] = None,
) -> None:
    """The training covers nearest to a picture.

    Example: `coverfusion similar runs/demo/bundle cover.jpg --out similar.png`
    """
    from experiments.similar import similar as run

    found = run(bundle, picture, k, out)
    print_frame(found.drop(columns="cover_id"))
    if out:
        console.print(f"Picture: {out}", highlight=False, soft_wrap=True)
