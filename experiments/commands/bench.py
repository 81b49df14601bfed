"""`coverfusion bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import UserError
from experiments.commands.options import BlockOption


def bench(
    what: Annotated[str, typer.Argument(help="extract or score")],
    collection: Annotated[Path, typer.Option(help="as for train")],
    bundle: Annotated[Path | None, typer.Option(help="for score: a run's bundle/ folder")] = None,
    block: BlockOption = None,
    covers: Annotated[int, typer.Option(min=8, help="how many covers to measure on")] = 128,
    rounds: Annotated[int, typer.Option(min=2, help="alternations of ours and plain")] = 4,
) -> None:
    """Covers/s of each block beside the plain use of the same library, alternating in one process.

    Example: `coverfusion bench extract --collection covers/`
    """
    from experiments.bench import bench_extract, bench_score

    if what not in ("extract", "score"):
        raise UserError(f"bench {what}: say `extract` or `score`.")
    if what == "score":
        if bundle is None:
            raise UserError("bench score: name the model with --bundle.")
        bench_score(collection, bundle, covers, rounds)
    else:
        bench_extract(collection, block, covers, rounds)
