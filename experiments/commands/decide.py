"""`coverfusion decide`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.options import SeedOption
from coverfusion.experiments.commands.printing import print_places
from coverfusion.experiments.pipeline.console import console


def decide_command(
    run: Annotated[Path, typer.Argument(help="A finished run folder.")],
    classifier: Annotated[
        str | None,
        typer.Option(
            "--classifier", "-c", help="The classifier, on all blocks; by default the one that the run chose."
        ),
    ] = None,
    target_error: Annotated[
        float | None,
        typer.Option(help="The proportion of wrong predictions that is aimed at; 0.2 by default."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to write to; RUN/decisions by default.")
    ] = None,
    seed: SeedOption = 0,
) -> None:
    """Says how far probabilities can be trusted: calibration, what abstaining brings, sets of genres.

    Example: `coverfusion decide runs/covers-0123456789 --target-error 0.1`
    """
    console.print("Reading the run")  # before the slow imports
    from coverfusion.experiments.decision.several_shown import print_several
    from coverfusion.experiments.decision.shown import (
        guaranteed_targets,
        print_decision,
        read_tables,
        sets_in_vain,
        unkept_words,
    )
    from coverfusion.experiments.decision.study import decide
    from coverfusion.experiments.pipeline.provenance import read_json

    folder = decide(run, classifier, target_error, out, seed)
    asked = read_json(folder / "environment.json")
    several = asked.get("labels") == "many"
    (print_several if several else print_decision)(folder)
    print_places(folder, {"Tables and pictures": "", "Page": "index.html"})
    if classifier is not None:
        return
    bundle = run / "bundle"
    if several:
        print_next("see sets of genres in the browser", "app", "--bundle", bundle)
        return
    tables, target = read_tables(folder), asked["target_error"]
    kept = guaranteed_targets(tables)
    if unkept := unkept_words(tables, target):
        console.print(unkept)
    if kept:
        best = target if target in kept else min(kept)
        print_next("predict so in the browser", "app", "--bundle", bundle, "--target-error", best)
    elif sets_in_vain(tables["sets"]):
        print_next("see which covers may have a wrong genre", "labels", run)
    else:
        print_next("see sets of genres in the browser", "app", "--bundle", bundle)
