"""`coverfusion train`."""

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
from coverfusion.experiments.commands.printing import log_if_asked, show_run


def train(
    source: SourceArgument,
    folds: Annotated[int | None, typer.Option(help="grouped cross-validation with this many folds")] = None,
    classifier: Annotated[
        list[str] | None, typer.Option("--classifier", "-c", help="only this one (repeatable)")
    ] = None,
    alone: Annotated[
        list[str] | None, typer.Option(help="fit this classifier on each block alone too (repeatable)")
    ] = None,
    block: BlockOption = None,
    preset: Annotated[str | None, typer.Option(help="which weights: packaged or hub")] = None,
    keep: Annotated[str | None, typer.Option(help="covers under two genres: drop, first or all")] = None,
    seed: Annotated[int | None, typer.Option(help="of splits, classifiers and bootstrap")] = None,
    store: StoreOption = None,
    out: Annotated[Path | None, typer.Option(help="where the run folder is made")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="do a finished run again")] = False,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
) -> None:
    """Features, splits, all classifiers, metrics, bundle and report.

    Example: `coverfusion train covers/` or `coverfusion train covers/ --folds 5 -c svc -c catboost`
    """
    from coverfusion.experiments.pipeline.config import read_source
    from coverfusion.experiments.training.train import train as run

    options: dict[str, Any] = {
        "folds": folds, "classifiers": classifier or None, "alone": alone or None, "blocks": block or None,
        "preset": preset, "keep": keep, "seed": seed, "store": store, "out": out,
    }  # fmt: skip
    folder = run(read_source("coverfusion train", source, **options), fresh)
    show_run(folder)
    log_if_asked(folder, track, tracking_uri)
