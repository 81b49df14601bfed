"""`coverfusion compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.options import RopeOption, SeedOption
from coverfusion.experiments.commands.printing import print_equal, print_place
from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.pipeline.console import print_frame


def compare_command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="finished run folders")],
    classifier: Annotated[
        list[str] | None,
        typer.Option(
            "--classifier", "-c", help="of each run, this one on all blocks, or 'svc on cnn' (repeatable)"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for tables and a picture")] = None,
    seed: SeedOption = 0,
    rope: RopeOption = ROPE,
) -> None:
    """Is one model better than another on the same covers? Paired, cover by cover; of one run all its models.

    Example: `coverfusion compare runs/a runs/b --out runs/a-against-b`
    """
    import pandas as pd

    from coverfusion.experiments.comparison.compare import (
        compare_runs,
        config_differences,
        write_comparison,
    )
    from coverfusion.experiments.comparison.figure import METHODS
    from coverfusion.experiments.pipeline.outputs import check_folder

    if out:
        check_folder(out)
    table = compare_runs(runs, classifier or None, seed, rope)
    differences = config_differences(runs)
    for letter, run in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", runs, strict=False):
        print_place(letter, run)
    if len(differences):
        print_frame(differences, "What differs between the runs")
    printed = pd.DataFrame(
        {
            name: table[name] + table[f"accuracy_{name}"].map(" ({:.3f})".format)
            for name in ("first", "second")
        }
    )
    points = 100 * table[["difference", "low", "high"]]
    printed["points"] = [f"{d:+.1f} ({low:+.1f} to {high:+.1f})" for d, low, high in points.to_numpy()]
    printed["only first"], printed["only second"] = table["only_first"], table["only_second"]
    printed["p"] = table["p_holm"].map("{:.2g}".format)
    printed["equal"] = table["equal"].map("{:.2f}".format)
    how = " and ".join(METHODS[name] for name in table["method"].unique())
    print_frame(printed, f"Accuracy, difference in points with 95 % interval; Holm's p ({how})")
    print_equal(rope)
    if out:
        write_comparison(out, table, differences, runs)
        print_place("Tables and picture", out)
