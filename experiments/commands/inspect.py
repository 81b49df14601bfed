"""`coverfusion inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.next_step import given_options, print_next
from coverfusion.experiments.commands.options import (
    CollectionArgument,
    KeepOption,
    LabelsOption,
    SeparatorOption,
    SidesOption,
    StoreOption,
)
from coverfusion.experiments.commands.printing import print_place


def inspect_command(
    collection: CollectionArgument,
    out: Annotated[
        Path | None, typer.Option(help="The folder for figures and tables; runs/inspect-NAME by default.")
    ] = None,
    keep: KeepOption = "drop",
    labels: LabelsOption = None,
    separator: SeparatorOption = None,
    sides: SidesOption = None,
    store: StoreOption = None,
) -> None:
    """Counts covers, sizes, duplicates and rejected files of a collection, and draws figures.

    Example: `coverfusion inspect covers/`
    """
    from coverfusion.experiments.inspection import inspect_collection, print_inspection
    from coverfusion.experiments.manifest_columns import print_columns, write_columns
    from coverfusion.experiments.pipeline.config import make_config
    from coverfusion.experiments.pipeline.outputs import check_folder
    from coverfusion.experiments.pipeline.preparation import (
        read_with_progress,
        say_several_genres,
        say_sides,
        why_empty,
    )

    config = make_config(
        "coverfusion inspect",
        collection=collection,
        keep=keep,
        labels=labels,
        separator=separator,
        sides=sides,
        store=store,
    )
    folder = out or Path("runs") / f"inspect-{config.collection_name}"
    check_folder(folder)
    opened = read_with_progress(config)
    print_inspection(opened, inspect_collection(opened, folder))
    say_several_genres(opened)
    say_sides(opened)
    print_columns(write_columns(opened, folder))
    print_place("Figures and tables", folder)
    if len(opened) == 0:
        raise UserError(why_empty(opened))
    options = {
        "--keep": None if keep == "drop" else keep,
        "--labels": labels,
        "--separator": separator,
        "--sides": sides,
        "--store": store,
    }
    print_next("train models on it", "train", collection, *given_options(options))
