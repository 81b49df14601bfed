"""`coverfusion compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.options import MetricOption, RopeOption, SeedOption
from coverfusion.experiments.commands.printing import print_equal, print_place
from coverfusion.experiments.pipeline.console import console, print_frame


def compare_command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="finished run folders")],
    classifier: Annotated[
        list[str] | None,
        typer.Option(
            "--classifier", "-c", help="of each run, this one on all blocks, or 'svc on cnn' (repeatable)"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder for tables and a picture")] = None,
    metric: MetricOption = None,
    seed: SeedOption = 0,
    rope: RopeOption = None,
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
    from coverfusion.experiments.drawing.words import p_value
    from coverfusion.experiments.evaluation.chosen_metric import metric_of
    from coverfusion.experiments.evaluation.compared import METHODS
    from coverfusion.experiments.pipeline.outputs import check_folder

    if out:
        check_folder(out)
    compared = metric_of(metric or "accuracy")
    table = compare_runs(runs, classifier or None, seed, rope, compared.name)
    differences = config_differences(runs)
    for letter, run in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", runs, strict=False):
        print_place(letter, run)
    if len(differences):
        print_frame(differences, "What differs between the runs")
    printed = pd.DataFrame(
        {
            name: [
                f"{who} ({compared.shown(value)})"
                for who, value in zip(table[name], table[f"{compared.column}_{name}"], strict=True)
            ]
            for name in ("first", "second")
        }
    )
    spans = [map(compared.in_words, span) for span in table[["difference", "low", "high"]].to_numpy()]
    printed[compared.unit] = [f"{d} ({low} to {high})" for d, low, high in spans]
    printed["only first"], printed["only second"] = table["only_first"], table["only_second"]
    printed["p"] = table["p_holm"].map(p_value)
    if table["equal"].notna().all():
        printed["equal"] = table["equal"].map("{:.2f}".format)
    how = " and ".join(METHODS[name] for name in table["method"].unique())
    label = compared.label[0].upper() + compared.label[1:]
    way = "difference in points" if compared.percent else "what the first saves,"
    print_frame(printed, f"{label}, {way} with 95 % interval; Holm's p ({how})")
    console.print("only first, only second: how many covers one of the two alone gets right.")
    if "folds" in set(table["method"]):
        console.print(
            "Values and differences by folds are means over the folds; a leaderboard pools all folds."
        )
    print_equal(rope, compared)
    if out:
        write_comparison(out, table, differences, runs)
        print_place("Tables and picture", out)
