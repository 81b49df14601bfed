"""`coverfusion curve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import given_options, print_next, same_task
from coverfusion.experiments.commands.options import (
    BlockOption,
    ClassifiersOption,
    ConfigKeepOption,
    ConfigPresetOption,
    ConfigSeedOption,
    FoldsOption,
    FreshOption,
    LabelsOption,
    MetadataOption,
    MetricOption,
    OutOption,
    PriorOption,
    ProcessesOption,
    RepeatsOption,
    SeparatorOption,
    SidesOption,
    SourceArgument,
    SplitFileOption,
    StoreOption,
    TrackingUriOption,
    TrackOption,
    check_tracking,
    read_options,
)
from coverfusion.experiments.commands.printing import log_if_asked, print_places
from coverfusion.experiments.pipeline.console import console


def curve_command(
    source: SourceArgument,
    folds: FoldsOption = None,
    repeats: RepeatsOption = 1,
    classifier: ClassifiersOption = None,
    sizes: Annotated[
        list[int] | None,
        typer.Option(
            help="A number of training covers (repeatable). The default is geometric steps up to all."
        ),
    ] = None,
    balance: Annotated[
        list[str] | None,
        typer.Option(
            help="How genres are balanced: none, weights or oversample (repeatable). The default is none."
        ),
    ] = None,
    block: BlockOption = None,
    metadata: MetadataOption = None,
    preset: ConfigPresetOption = None,
    keep: ConfigKeepOption = None,
    labels: LabelsOption = None,
    separator: SeparatorOption = None,
    sides: SidesOption = None,
    prior: PriorOption = None,
    metric: MetricOption = None,
    seed: ConfigSeedOption = None,
    split_file: SplitFileOption = None,
    store: StoreOption = None,
    out: OutOption = None,
    workers: ProcessesOption = None,
    fresh: FreshOption = False,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
) -> None:
    """Shows accuracy against the number of training covers, and what more covers or balancing would bring.

    Example: `coverfusion curve covers/ -c svc -c catboost --balance none --balance weights`
    """
    check_tracking(track, tracking_uri)
    from coverfusion.experiments.curve.study import learning_curve

    config = read_options(
        "curve",
        source,
        folds=folds,
        classifiers=classifier,
        blocks=block,
        metadata=metadata,
        preset=preset,
        keep=keep,
        labels=labels,
        separator=separator,
        sides=sides,
        prior=prior,
        metric=metric,
        seed=seed,
        split_file=split_file,
        store=store,
        out=out,
    )
    folder = learning_curve(config, sizes or (), balance or ("none",), repeats, workers, fresh)
    _print_curve(folder)
    log_if_asked(folder, track, tracking_uri)
    given = given_options({"-c": classifier})
    print_next("train a model on all covers", "train", *same_task(source, config), *given)


def _print_curve(folder: Path) -> None:
    import pandas as pd

    from coverfusion.experiments.curve.page import curve_findings, curve_metric
    from coverfusion.experiments.curve.room import room_of

    laws = pd.read_csv(folder / "powerlaw.csv")
    for sentence in curve_findings(laws, room_of(folder), curve_metric(folder)):
        console.print(sentence)
    print_places(folder, {"Study": "", "Page": "index.html"})
