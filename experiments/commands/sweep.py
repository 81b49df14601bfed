"""`coverfusion sweep`."""

from __future__ import annotations

from typing import Annotated

import typer

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
    ProcessesOption,
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


def sweep_command(
    source: SourceArgument,
    classifier: TunedClassifierOption,
    parameter: Annotated[str, typer.Option("--parameter", "-p", help="The parameter that is varied.")],
    value: Annotated[
        list[str], typer.Option("--value", "-v", help="A value to try, written as in YAML (repeatable).")
    ],
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
    workers: ProcessesOption = None,
    fresh: FreshOption = False,
) -> None:
    """Shows accuracy on training and validation covers against one parameter of a classifier.

    Example: `coverfusion sweep covers/ -c finetune -p learning_rate -v 1e-4 -v 1e-3 -v 1e-2 --folds 3`
    """
    from coverfusion.experiments.tuning.judged import ADVISED_FOLDS
    from coverfusion.experiments.tuning.sweep import sweep
    from coverfusion.experiments.tuning.sweep_page import sweep_chooses, sweep_findings
    from coverfusion.experiments.tuning.values import parse_value

    config = read_options(
        "sweep",
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
    values = [parse_value(text) for text in value]
    folder = sweep(config, classifier, parameter, values, workers, fresh)
    for sentence in sweep_findings(folder):
        console.print(sentence)
    print_places(folder, {"Study": "", "Page": "index.html"})
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) == len(values) and 0 < min(numbers) < max(numbers):
        space = (
            f"{parameter}={min(numbers)}..{max(numbers)}{':log' if max(numbers) >= 10 * min(numbers) else ''}"
        )
        advised = folds if sweep_chooses(folder) else folds or ADVISED_FOLDS
        given = given_options({"-c": classifier, "-p": space, "--folds": advised})
        print_next("try values between", "search", *same_task(source, config), *given)
