"""`coverfusion score`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.commands.options import TrackingUriOption, TrackOption
from experiments.commands.shown import console, log_if_asked


def score(
    bundle: Annotated[Path, typer.Argument(help="a run's bundle/ folder")],
    paths: Annotated[
        list[str], typer.Argument(help="pictures, folders, zips, or - for a list on standard input")
    ],
    out: Annotated[Path, typer.Option(help="a .csv, .parquet or .jsonl file")],
    top_k: Annotated[int, typer.Option(min=1, help="genres a row names")] = 3,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a stopped run")] = False,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
) -> None:
    """Genres with probabilities for any number of pictures.

    Example: `coverfusion score runs/demo/bundle new-covers/ --out scores.csv`
    """
    from data.sources import list_pictures
    from experiments.progress import counted
    from experiments.score import score as run

    named = (line for path in paths for line in (_lines() if path == "-" else [path]))
    with counted("scoring", None) as bar:
        rows, errors = run(
            bundle, list_pictures(named), out, top_k, resume, lambda n: bar.advance(bar.task_ids[0], n)
        )
    console.print(f"{rows} rows, {errors} with an error: {out}", highlight=False, soft_wrap=True)
    log_if_asked(out, track, tracking_uri)


def _lines() -> Any:
    return (line.rstrip("\n") for line in sys.stdin if line.strip())
