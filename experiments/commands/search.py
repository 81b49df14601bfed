"""`coverfusion search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coverfusion.experiments.commands.options import BlockOption, SourceArgument, StoreOption
from coverfusion.experiments.commands.sweep import ClassifierOption, FoldsOption
from coverfusion.experiments.pipeline.console import console


def search(
    source: SourceArgument,
    classifier: ClassifierOption,
    parameter: Annotated[
        list[str],
        typer.Option(
            "--parameter", "-p", help="low..high, low..high:log, or values with commas (repeatable)"
        ),
    ],
    minutes: Annotated[float, typer.Option(help="what this call may take")] = 30.0,
    trials: Annotated[int | None, typer.Option(min=1, help="at most this many, earlier ones too")] = None,
    folds: FoldsOption = None,
    block: BlockOption = None,
    preset: Annotated[str | None, typer.Option(help="which weights: packaged or hub")] = None,
    keep: Annotated[str | None, typer.Option(help="covers under two genres: drop, first or all")] = None,
    seed: Annotated[int | None, typer.Option(help="of split, folds, suggestions and classifier")] = None,
    store: StoreOption = None,
    out: Annotated[Path | None, typer.Option(help="where the study's folder is made")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="forget trials that were made before")] = False,
) -> None:
    """Searches a classifier's parameters within a budget of minutes; called again, it goes on.

    Example: `coverfusion search covers/ -c finetune -p learning_rate=1e-5..1e-2:log -p frozen_stages=0..6
    -p augmentation=none,simple,mixup --minutes 30`
    """
    from coverfusion.experiments.pipeline.config import read_source
    from coverfusion.experiments.tuning.search import search as run
    from coverfusion.experiments.tuning.search_page import search_findings
    from coverfusion.experiments.tuning.search_space import parse_space

    space = parse_space(parameter)
    options: dict[str, Any] = {
        "folds": folds, "blocks": block or None, "preset": preset, "keep": keep, "seed": seed,
        "store": store, "out": out,
    }  # fmt: skip
    config = read_source("coverfusion search", source, **options)
    folder = run(config, classifier, space, minutes, trials, fresh)
    for sentence in search_findings(folder):
        console.print(sentence, highlight=False)
    for label, name in (("Study", ""), ("Page", "index.html"), ("Best, for `train`", "best.yaml")):
        console.print(f"{label}: {folder / name}", highlight=False, soft_wrap=True)
