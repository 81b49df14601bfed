"""`coverfusion curve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coverfusion.experiments.commands.options import (
    BlockOption,
    SourceArgument,
    StoreOption,
    TrackingUriOption,
    TrackOption,
)
from coverfusion.experiments.commands.printing import log_if_asked
from coverfusion.experiments.pipeline.console import console


def curve(
    source: SourceArgument,
    folds: Annotated[int | None, typer.Option(help="grouped folds; 5 unless the config says")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="of the cross-validation")] = 1,
    classifier: Annotated[
        list[str] | None, typer.Option("--classifier", "-c", help="only this one (repeatable)")
    ] = None,
    sizes: Annotated[
        list[int] | None, typer.Option(help="training covers (repeatable); else geometric steps up to all")
    ] = None,
    balance: Annotated[
        list[str] | None, typer.Option(help="none, weights or oversample (repeatable); weights, if left out")
    ] = None,
    block: BlockOption = None,
    preset: Annotated[str | None, typer.Option(help="which weights: packaged or hub")] = None,
    keep: Annotated[str | None, typer.Option(help="covers under two genres: drop, first or all")] = None,
    seed: Annotated[int | None, typer.Option(help="of folds, draws, classifiers and bootstrap")] = None,
    store: StoreOption = None,
    out: Annotated[Path | None, typer.Option(help="where the study's folder is made")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; one a core, if left out")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="do a finished study again")] = False,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
) -> None:
    """Accuracy against the number of training covers, and what doubling them or balancing genres would bring.

    Example: `coverfusion curve covers/ -c svc -c catboost --balance none --balance weights`
    """
    from coverfusion.experiments.curve.study import learning_curve
    from coverfusion.experiments.pipeline.config import read_source

    options: dict[str, Any] = {
        "folds": folds, "classifiers": classifier or None, "blocks": block or None, "preset": preset,
        "keep": keep, "seed": seed, "store": store, "out": out,
    }  # fmt: skip
    config = read_source("coverfusion curve", source, **options)
    folder = learning_curve(config, sizes or (), balance or ("weights",), repeats, workers, fresh)
    _show(folder)
    log_if_asked(folder, track, tracking_uri)


def _show(folder: Path) -> None:
    import pandas as pd

    from coverfusion.experiments.curve.page import curve_findings

    for sentence in curve_findings(pd.read_csv(folder / "powerlaw.csv")):
        console.print(sentence, highlight=False)
    for label, name in (("Study", ""), ("Page", "index.html")):
        console.print(f"{label}: {folder / name}", highlight=False, soft_wrap=True)
