"""`coverfusion labels`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console


def labels_command(
    run: Annotated[Path, typer.Argument(help="a finished run folder; with folds all covers are judged")],
    classifier: Annotated[
        str | None,
        typer.Option("--classifier", "-c", help="this one, or 'svc on cnn'; the run's choice if left out"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="where to write; RUN/labels if left out")] = None,
    shown: Annotated[int, typer.Option(min=0, help="covers on the page; the table has all")] = 60,
) -> None:
    """Which covers bear a doubtful genre: what the label says, what the model says, and how sure it is.

    Example: `coverfusion labels runs/covers-0123456789`
    """
    from coverfusion.experiments.doubt.study import find_doubtful

    folder = find_doubtful(run, classifier, out, shown)
    for sentence in (folder / "findings.txt").read_text(encoding="utf-8").splitlines():
        console.print(sentence, soft_wrap=True)
    print_place("Table", folder / "doubtful.csv")
    print_place("Page with the covers", folder / "index.html")
