"""`coverfusion inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.options import CollectionArgument, KeepOption, StoreOption
from coverfusion.experiments.pipeline.console import console


def inspect(
    collection: CollectionArgument,
    out: Annotated[Path | None, typer.Option(help="folder for figures and tables")] = None,
    keep: KeepOption = "drop",
    store: StoreOption = None,
) -> None:
    """Counts, sizes, duplicates and rejected files of a collection, with figures.

    Example: `coverfusion inspect covers/`
    """
    from coverfusion.experiments.inspection import inspect_collection
    from coverfusion.experiments.pipeline.config import make_config
    from coverfusion.experiments.pipeline.preparation import open_collection

    config = make_config("coverfusion inspect", collection=collection, keep=keep, store=store)
    folder = out or Path("runs") / f"inspect-{config.collection.stem}"
    inspect_collection(open_collection(config), folder)
    console.print(f"Figures and tables: {folder}", highlight=False, soft_wrap=True)
