"""`coverfusion bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import UserError
from experiments.commands.options import BlockOption, StoreOption


def bench(
    what: Annotated[str, typer.Argument(help="extract, score or ablate")],
    collection: Annotated[Path, typer.Option(help="as for train")],
    bundle: Annotated[Path | None, typer.Option(help="for score: a run's bundle/ folder")] = None,
    block: BlockOption = None,
    covers: Annotated[int, typer.Option(min=8, help="how many covers to measure on")] = 128,
    rounds: Annotated[int, typer.Option(min=2, help="alternations of ours and plain")] = 4,
    classifier: Annotated[
        list[str] | None, typer.Option("--classifier", "-c", help="for ablate (repeatable)")
    ] = None,
    folds: Annotated[int, typer.Option(min=1, max=5, help="for ablate: how many of five folds")] = 2,
    store: StoreOption = None,
) -> None:
    """Speed beside the plain use of the same libraries in the same run.

    Example: `coverfusion bench extract --collection covers/`
    """
    if what == "extract":
        from experiments.bench import bench_extract

        bench_extract(collection, block, covers, rounds)
    elif what == "score":
        from experiments.bench import bench_score

        if bundle is None:
            raise UserError("bench score: name the model with --bundle.")
        bench_score(collection, bundle, covers, rounds)
    elif what == "ablate":
        from experiments.ablate import CLASSIFIERS
        from experiments.bench_ablate import bench_ablate, print_ratios
        from experiments.blocks import make_extractors
        from experiments.config import make_config
        from experiments.run import open_collection, prepare

        config = make_config("coverfusion bench", collection=collection, blocks=block or None, store=store)
        extractors = make_extractors(config.blocks, config.preset)
        prepared = prepare(config, open_collection(config), extractors)
        print_ratios(bench_ablate(prepared, classifier or CLASSIFIERS, folds))
    else:
        raise UserError(f"bench {what}: say `extract`, `score` or `ablate`.")
