"""`coverfusion ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coverfusion.experiments.commands.options import (
    BlockOption,
    SourceArgument,
    StoreOption,
    TrackingUriOption,
    TrackOption,
)
from coverfusion.experiments.commands.printing import log_if_asked
from coverfusion.experiments.pipeline.console import console, print_frame

if TYPE_CHECKING:
    import pandas as pd


def ablate(
    source: SourceArgument,
    design: Annotated[
        list[str] | None,
        typer.Option(
            "--design", "-d", help="alone, without, subsets, families or greedy (repeatable); alone, without"
        ),
    ] = None,
    classifier: Annotated[
        list[str] | None,
        typer.Option("--classifier", "-c", help="this one (repeatable); svc and catboost if left out"),
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="of the grouped cross-validation")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="of the cross-validation")] = 2,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; one a core if left out")] = None,
    block: BlockOption = None,
    preset: Annotated[str | None, typer.Option(help="which weights: packaged or hub")] = None,
    keep: Annotated[str | None, typer.Option(help="covers under two genres: drop, first or all")] = None,
    seed: Annotated[int | None, typer.Option(help="of folds, classifiers and bootstrap")] = None,
    store: StoreOption = None,
    out: Annotated[Path | None, typer.Option(help="where the study's folder is made")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="do a finished study again")] = False,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
) -> None:
    """Refits without blocks, with blocks alone, on all subsets: which blocks matter, with their uncertainty.

    Example: `coverfusion ablate covers/ -d alone -d without -d subsets -c svc -c catboost`
    """
    from coverfusion.experiments.ablation.study import ablate as run
    from coverfusion.experiments.pipeline.config import read_source

    options: dict[str, Any] = {
        "folds": folds, "classifiers": classifier or None, "blocks": block or None, "preset": preset,
        "keep": keep, "seed": seed, "store": store, "out": out,
    }  # fmt: skip
    config = read_source("coverfusion ablate", source, **options)
    folder = run(config, design or ["alone", "without"], repeats, workers, fresh)
    show_study(folder)
    log_if_asked(folder, track, tracking_uri)


def show_study(folder: Path) -> None:
    """Prints the comparisons of a study and what each block brings, in points, and where everything is."""
    import pandas as pd

    table = pd.read_csv(folder / "comparisons.csv", keep_default_na=False)
    if len(table):
        _show_comparisons(table)
    else:
        console.print("One set of blocks was fitted: there is nothing to compare.")
    if (folder / "shapley.csv").is_file():
        _show_shapley(pd.read_csv(folder / "shapley.csv"))
    for label, name in (("Study folder", ""), ("Page", "index.html")):
        console.print(f"{label}: {folder / name}", highlight=False, soft_wrap=True)


def _show_shapley(shares: pd.DataFrame) -> None:
    own = shares[shares["genre"] == "all"]
    spans = (100 * own[["value", "low", "high"]]).to_numpy()
    print_frame(
        own[["classifier", "block"]].assign(
            points=[f"{value:+.1f} ({low:+.1f} to {high:+.1f})" for value, low, high in spans],
            p=own["p_holm"].map("{:.2g}".format),
        ),
        "What each block brings: Shapley values, points of accuracy, 95 % intervals, Holm's p",
    )


def _show_comparisons(table: pd.DataFrame) -> None:
    import pandas as pd

    from coverfusion.experiments.ablation.figures import comparison_words

    points = 100 * table[["difference", "t_low", "t_high", "detectable"]]
    shown = pd.DataFrame(
        {
            "": [comparison_words(row) for _, row in table.iterrows()],
            "classifier": table["classifier"],
            "points": [f"{d:+.1f} ({low:+.1f} to {high:+.1f})" for d, low, high, _ in points.to_numpy()],
            "p": table["p_holm"].map("{:.2g}".format),
            "could show": points["detectable"].map("{:.1f}".format),
        }
    )
    for name in table["design"].unique():
        title = f"{name[0].upper()}{name[1:]}: points of accuracy (corrected t, 95 %), Holm's p"
        print_frame(shown[table["design"] == name], title)
