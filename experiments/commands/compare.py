"""`coverfusion compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import print_next, task_of_run
from coverfusion.experiments.commands.options import MetricOption, RopeOption, SeedOption
from coverfusion.experiments.commands.printing import print_equal, print_place, print_places
from coverfusion.experiments.pipeline.console import console


def compare_command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Finished run folders.")],
    classifier: Annotated[
        list[str] | None,
        typer.Option(
            "--classifier",
            "-c",
            help="Compare this classifier of each run on all blocks, or on one block as in 'svc on "
            "cnn' (repeatable).",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for tables and a picture.")] = None,
    metric: MetricOption = None,
    seed: SeedOption = 0,
    rope: RopeOption = None,
) -> None:
    """Says whether one model is better than another on the same covers; of one run all are compared.

    Example: `coverfusion compare runs/a runs/b --out runs/a-against-b`
    """
    from coverfusion.experiments.comparison.compare import (
        compare_runs,
        config_differences,
        default_metric,
        write_comparison,
    )
    from coverfusion.experiments.comparison.shown import WIDE, print_comparison, print_differences
    from coverfusion.experiments.evaluation.chosen_metric import metric_of
    from coverfusion.experiments.pipeline.outputs import check_folder
    from coverfusion.experiments.pipeline.run_folder import read_run

    if out:
        check_folder(out)
    compared = metric_of(metric or default_metric(runs[0]))
    table = compare_runs(runs, classifier or None, seed, rope, compared.name)
    differences = config_differences(runs)
    if len(runs) > 1:
        for letter, run in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", runs, strict=False):
            print_place(letter, run)
    print_comparison(table, compared, len(runs), out is not None, read_run(runs[0]).several)
    if console.width >= WIDE:
        print_equal(rope, compared)
    print_differences(differences)
    if out:
        write_comparison(out, table, differences, runs)
        print_places(out, {"Tables and chart": "", "Page": "index.html"})
    print_next("see which blocks carry the signal", "ablate", *task_of_run(runs[0]))
