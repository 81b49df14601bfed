"""`coverfusion search`."""

from __future__ import annotations

from typing import Annotated

import typer

from coverfusion.data.errors import needs_extra
from coverfusion.experiments.commands.next_step import given_options, print_next, same_task
from coverfusion.experiments.commands.options import (
    BlockOption,
    ConfigKeepOption,
    ConfigPresetOption,
    ConfigSeedOption,
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
    TunedClassifierOption,
    TuningFoldsOption,
    read_options,
)
from coverfusion.experiments.commands.printing import print_places
from coverfusion.experiments.pipeline.console import console


def search_command(
    source: SourceArgument,
    classifier: TunedClassifierOption,
    parameter: Annotated[
        list[str],
        typer.Option(
            "--parameter",
            "-p",
            help="A parameter and its values: NAME=low..high, NAME=low..high:log, or NAME=a,b,c "
            "(repeatable).",
        ),
    ],
    minutes: Annotated[float, typer.Option(help="How many minutes this call may take.")] = 30.0,
    trials: Annotated[
        int | None, typer.Option(min=1, help="The most trials, those of earlier calls included.")
    ] = None,
    folds: TuningFoldsOption = None,
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
    fresh: FreshOption = False,
) -> None:
    """Searches a classifier's parameters within a budget of minutes; called again, it goes on.

    Example: `coverfusion search covers/ -c finetune -p learning_rate=1e-5..1e-2:log -p frozen_stages=0..6
    -p augmentation=none,simple,mixup --minutes 30`
    """
    needs_extra("search", "`coverfusion search`")
    from coverfusion.experiments.tuning.judged import ADVISED_FOLDS
    from coverfusion.experiments.tuning.search import search
    from coverfusion.experiments.tuning.search_page import search_chooses, search_findings
    from coverfusion.experiments.tuning.search_space import parse_space

    space = parse_space(parameter)
    config = read_options(
        "search",
        source,
        folds=folds,
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
    folder = search(config, classifier, space, minutes, trials, fresh)
    for sentence in search_findings(folder):
        console.print(sentence)
    places = {"Study": "", "Page": "index.html"}
    if search_chooses(folder):
        print_places(folder, places | {"Best, for `train`": "best.yaml"})
        print_next("train with it", "train", folder / "best.yaml")
        return
    print_places(folder, places)
    if not config.folds:
        given = given_options(
            {"-c": classifier, "-p": parameter, "--trials": trials, "--folds": ADVISED_FOLDS}
        )
        print_next("judge by more covers", "search", *same_task(source, config), *given)
