"""`coverfusion labels`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console


def labels_command(
    run: Annotated[
        Path, typer.Argument(help="A finished run folder. Of a run with folds all covers are judged.")
    ],
    classifier: Annotated[
        str | None,
        typer.Option(
            "--classifier",
            "-c",
            help="The classifier on all blocks, or on one block as in 'svc on cnn'; by default the one"
            " that the run chose.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write to; RUN/labels by default.")] = None,
    shown: Annotated[
        int, typer.Option(min=0, help="How many covers the page shows; the table has all.")
    ] = 60,
) -> None:
    """Lists covers whose genre is doubtful: what the label says, what the model says, and how sure it is.

    Example: `coverfusion labels runs/covers-0123456789`
    """
    from coverfusion.experiments.doubt.study import find_doubtful
    from coverfusion.experiments.pipeline.run_folder import read_run

    folder = find_doubtful(run, classifier, out, shown)
    for sentence in (folder / "findings.txt").read_text(encoding="utf-8").splitlines():
        console.print(sentence)
    print_place("Table", folder / "doubtful.csv")
    print_place("Page with the covers", folder / "index.html")
    several = read_run(run).several  # such a model never abstains
    aim = "how far its probabilities can be trusted" if several else "when the model should abstain"
    print_next(f"see {aim}", "decide", run)
