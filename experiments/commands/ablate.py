"""`coverfusion ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverfusion.experiments.commands.options import (
    BlockOption,
    ClassifiersOption,
    ConfigKeepOption,
    ConfigPresetOption,
    ConfigSeedOption,
    FoldsOption,
    FreshOption,
    OutOption,
    ProcessesOption,
    RepeatsOption,
    RopeOption,
    SourceArgument,
    StoreOption,
    TrackingUriOption,
    TrackOption,
    check_tracking,
    read_options,
)
from coverfusion.experiments.commands.printing import log_if_asked, print_equal, print_places
from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.pipeline.console import console, print_frame

if TYPE_CHECKING:
    import pandas as pd


def ablate_command(
    source: SourceArgument,
    design: Annotated[
        list[str] | None,
        typer.Option(
            "--design", "-d", help="alone, without, subsets, families or greedy (repeatable); alone, without"
        ),
    ] = None,
    classifier: ClassifiersOption = None,
    folds: FoldsOption = None,
    repeats: RepeatsOption = 2,
    rope: RopeOption = ROPE,
    workers: ProcessesOption = None,
    block: BlockOption = None,
    preset: ConfigPresetOption = None,
    keep: ConfigKeepOption = None,
    seed: ConfigSeedOption = None,
    store: StoreOption = None,
    out: OutOption = None,
    fresh: FreshOption = False,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
) -> None:
    """Refits without blocks, with blocks alone, on all subsets: which blocks matter, with their uncertainty.

    The classifiers are svc and catboost, unless -c or the config names others.

    Example: `coverfusion ablate covers/ -d alone -d without -d subsets -c svc -c catboost`
    """
    check_tracking(track, tracking_uri)
    from coverfusion.experiments.ablation.study import ablate

    config = read_options(
        "ablate",
        source,
        folds=folds,
        classifiers=classifier,
        blocks=block,
        preset=preset,
        keep=keep,
        seed=seed,
        store=store,
        out=out,
    )
    folder = ablate(config, design or ["alone", "without"], repeats, workers, fresh, rope)
    print_study(folder)
    log_if_asked(folder, track, tracking_uri)


def print_study(folder: Path) -> None:
    """Prints the comparisons of a study and what each block brings, in points, and where everything is."""
    from coverfusion.experiments.pipeline.provenance import read_json
    from coverfusion.experiments.pipeline.results_csv import read_results

    table = read_results(folder / "comparisons.csv")
    if len(table):
        _print_comparisons(table, read_json(folder / "study.json").get("rope", ROPE))
    else:
        console.print("One set of blocks was fitted: there is nothing to compare.")
    if (folder / "shapley.csv").is_file():
        _print_shapley(read_results(folder / "shapley.csv"))
    print_places(folder, {"Study folder": "", "Page": "index.html"})


def _print_shapley(values: pd.DataFrame) -> None:
    overall = values[values["genre"] == "all"]
    spans = (100 * overall[["value", "low", "high"]]).to_numpy()
    print_frame(
        overall[["classifier", "block"]].assign(
            points=[f"{value:+.1f} ({low:+.1f} to {high:+.1f})" for value, low, high in spans],
            p=overall["p_holm"].map("{:.2g}".format),
        ),
        "What each block brings: Shapley values, points of accuracy, 95 % intervals, Holm's p",
    )


def _print_comparisons(table: pd.DataFrame, rope: float) -> None:
    import pandas as pd

    from coverfusion.experiments.ablation.figures import comparison_words

    points = 100 * table[["difference", "low", "high", "detectable"]]
    printed = pd.DataFrame(
        {
            "": [comparison_words(row) for _, row in table.iterrows()],
            "classifier": table["classifier"],
            "points": [f"{d:+.1f} ({low:+.1f} to {high:+.1f})" for d, low, high, _ in points.to_numpy()],
            "p": table["p_holm"].map("{:.2g}".format),
            "could show": points["detectable"].map("{:.1f}".format),
            "equal": table["equal"].map("{:.2f}".format),
        }
    )
    for name in table["design"].unique():
        title = f"{name[0].upper()}{name[1:]}: points of accuracy (corrected t, 95 %), Holm's p"
        print_frame(printed[table["design"] == name], title)
    print_equal(rope)
