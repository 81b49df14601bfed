"""`coverfusion sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coverfusion.experiments.commands.options import BlockOption, SourceArgument, StoreOption
from coverfusion.experiments.pipeline.console import console

ClassifierOption = Annotated[str, typer.Option("--classifier", "-c", help="whose parameters")]
FoldsOption = Annotated[
    int | None,
    typer.Option(help="grouped folds of the training and validation covers; else the split's two parts"),
]


def sweep(
    source: SourceArgument,
    classifier: ClassifierOption,
    parameter: Annotated[str, typer.Option("--parameter", "-p", help="its parameter")],
    value: Annotated[
        list[str], typer.Option("--value", "-v", help="a value to try (repeatable), as in YAML")
    ],
    folds: FoldsOption = None,
    block: BlockOption = None,
    preset: Annotated[str | None, typer.Option(help="which weights: packaged or hub")] = None,
    keep: Annotated[str | None, typer.Option(help="covers under two genres: drop, first or all")] = None,
    seed: Annotated[int | None, typer.Option(help="of split, folds, classifier and bootstrap")] = None,
    store: StoreOption = None,
    out: Annotated[Path | None, typer.Option(help="where the study's folder is made")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; one a core, if left out")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="forget values that were tried before")] = False,
) -> None:
    """Validation curves: accuracy on training and validation covers against one parameter of a classifier.

    Example: `coverfusion sweep covers/ -c finetune -p learning_rate -v 1e-4 -v 1e-3 -v 1e-2 --folds 3`
    """
    from coverfusion.experiments.pipeline.config import read_source
    from coverfusion.experiments.tuning.sweep import sweep as run
    from coverfusion.experiments.tuning.sweep_page import findings
    from coverfusion.experiments.tuning.values import parse_value

    options: dict[str, Any] = {
        "folds": folds, "blocks": block or None, "preset": preset, "keep": keep, "seed": seed,
        "store": store, "out": out,
    }  # fmt: skip
    config = read_source("coverfusion sweep", source, **options)
    folder = run(config, classifier, parameter, [parse_value(text) for text in value], workers, fresh)
    for sentence in findings(folder):
        console.print(sentence, highlight=False)
    for label, name in (("Study", ""), ("Page", "index.html")):
        console.print(f"{label}: {folder / name}", highlight=False, soft_wrap=True)
