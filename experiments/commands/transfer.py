"""`coverfusion transfer`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.options import (
    BlockOption,
    ClassifiersOption,
    ConfigKeepOption,
    ConfigPresetOption,
    ConfigSeedOption,
    FoldsOption,
    FreshOption,
    OutOption,
    ProcessesOption,
    SourceArgument,
    StoreOption,
    read_options,
)
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console

# that other studies have: it says why this one does not
RefusedOption = Annotated[str | None, typer.Option(hidden=True)]
RefusedColumnsOption = Annotated[list[str] | None, typer.Option(hidden=True)]


def transfer_command(
    source: SourceArgument,
    second: Annotated[
        str | None,
        typer.Argument(
            metavar="[COLLECTION]",
            help="The collection to test on. Without it each source in the manifest of the first one "
            "is tested in turn.",
        ),
    ] = None,
    genres: Annotated[
        Path | None,
        typer.Option(
            help="A CSV file with the columns from and to: what genres of either collection are to be called."
        ),
    ] = None,
    folds: FoldsOption = None,
    classifier: ClassifiersOption = None,
    block: BlockOption = None,
    preset: ConfigPresetOption = None,
    keep: ConfigKeepOption = None,
    labels: RefusedOption = None,
    metadata: RefusedColumnsOption = None,
    sides: RefusedOption = None,
    seed: ConfigSeedOption = None,
    store: StoreOption = None,
    out: OutOption = None,
    workers: ProcessesOption = None,
    fresh: FreshOption = False,
) -> None:
    """Tests on one collection what was learnt from another, and says which block loses most on the way.

    Example: `coverfusion transfer covers/ others/ --genres map.csv -c svc`
    """
    from coverfusion.data.addresses import place
    from coverfusion.experiments.transfer.study import transfer

    config = read_options(
        "transfer",
        source,
        folds=folds,
        classifiers=classifier,
        blocks=block,
        preset=preset,
        keep=keep,
        labels=labels,
        metadata=metadata,
        sides=sides,
        seed=seed,
        store=store,
        out=out,
    )
    folder = transfer(config, None if second is None else place(second), genres, workers, fresh)
    for sentence in (folder / "findings.txt").read_text(encoding="utf-8").splitlines():
        console.print(sentence)
    print_place("Tables and page", folder / "index.html")
