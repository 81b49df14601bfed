"""`coverfusion train`."""

from __future__ import annotations

from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.options import (
    BlockOption,
    ChooseByOption,
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
from coverfusion.experiments.commands.printing import log_if_asked, print_place, print_run


def train_command(
    source: SourceArgument,
    folds: FoldsOption = None,
    classifier: ClassifiersOption = None,
    alone: Annotated[
        list[str] | None, typer.Option(help="Fit this classifier on each block alone too (repeatable).")
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
    choose_by: ChooseByOption = None,
    seed: ConfigSeedOption = None,
    split_file: SplitFileOption = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Fit networks under this many seeds, to see what a seed does.")
    ] = None,
    nested: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How often nested folds are repeated (20 or more), for an interval of the model that "
            "learns from all covers.",
        ),
    ] = None,
    store: StoreOption = None,
    out: OutOption = None,
    name: Annotated[
        str | None,
        typer.Option(help="What the run folder is called; by default the collection's name and a digest."),
    ] = None,
    note: Annotated[
        str | None, typer.Option(help="What you want to remember of the run; the command runs shows it.")
    ] = None,
    fresh: FreshOption = False,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
) -> None:
    """Trains classifiers on a collection, compares them, and writes a report and the best model.

    Example: `coverfusion train covers/` or `coverfusion train covers/ --folds 5 -c svc --name svc-alone`
    """
    check_tracking(track, tracking_uri)
    from coverfusion.experiments.training.train import train

    config = read_options(
        "train",
        source,
        folds=folds,
        classifiers=classifier,
        alone=alone,
        blocks=block,
        metadata=metadata,
        preset=preset,
        keep=keep,
        labels=labels,
        separator=separator,
        sides=sides,
        prior=prior,
        metric=metric,
        choose_by=choose_by,
        seed=seed,
        split_file=split_file,
        seeds=seeds,
        nested=nested,
        store=store,
        out=out,
        name=name,
        note=note,
    )
    folder = train(config, fresh)
    print_run(folder)
    if (card := folder / "bundle" / "README.md").is_file():  # bundles of earlier versions have none
        print_place("Card of the bundle", card)
    log_if_asked(folder, track, tracking_uri)
    print_next("see what sets each genre apart", "report", folder)
