"""`coverfusion decide`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.options import SeedOption
from coverfusion.experiments.commands.printing import print_places


def decide_command(
    run: Annotated[Path, typer.Argument(help="a finished run folder")],
    classifier: Annotated[
        str | None,
        typer.Option("--classifier", "-c", help="this one on all blocks; the run's choice if left out"),
    ] = None,
    target_error: Annotated[float, typer.Option(help="proportion of wrong predictions to speak of")] = 0.2,
    out: Annotated[Path | None, typer.Option(help="where to write; RUN/decisions if left out")] = None,
    seed: SeedOption = 0,
) -> None:
    """How far probabilities can be trusted: calibration, what abstaining brings, sets of genres.

    Example: `coverfusion decide runs/covers-0123456789 --target-error 0.1`
    """
    from coverfusion.experiments.decision.shown import print_decision
    from coverfusion.experiments.decision.study import decide

    folder = decide(run, classifier, target_error, out, seed)
    print_decision(folder)
    print_places(folder, {"Tables and pictures": "", "Page": "index.html"})
    if classifier is None:
        bundle = run / "bundle"
        print_next("predict so in the browser", "app", "--bundle", bundle, "--target-error", target_error)
