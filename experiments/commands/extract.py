"""`coverfusion extract`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.plurals import how_many
from coverfusion.experiments.commands.next_step import given_options, print_next
from coverfusion.experiments.commands.options import (
    ActorsOption,
    AddressOption,
    BlockOption,
    EngineOption,
    KeepOption,
    MaxFailedOption,
    PresetOption,
    StoreOption,
    check_engine,
)
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console, new_table
from coverfusion.features.failure_limit import MAX_FAILED


def extract_command(
    collection: Annotated[
        str | None,
        typer.Argument(
            help="Genre folders, zips named by genre, a CSV or parquet manifest, or an address (s3://...)."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder for the feature table; runs/table-NAME by default.")
    ] = None,
    block: BlockOption = None,
    preset: PresetOption = "packaged",
    keep: KeepOption = "drop",
    store: StoreOption = None,
    max_failed: MaxFailedOption = MAX_FAILED,
    engine: EngineOption = "local",
    workers: ActorsOption = None,
    address: AddressOption = None,
    describe: Annotated[
        bool, typer.Option("--describe", help="List every column with its meaning, and stop.")
    ] = False,
) -> None:
    """Computes the feature table of a collection; goes on where an earlier run stopped.

    Example: `coverfusion extract covers/ --block color --block texture --out table/`
    """
    if describe:
        _describe(block, preset)
        return
    if collection is None:
        raise UserError("Name a collection, or use --describe to list the columns.")
    on_ray = check_engine(engine, workers, address)
    console.print("Preparing blocks")
    from coverfusion.data.checksums import write_sums
    from coverfusion.data.outputs import make_output_folder
    from coverfusion.experiments.pipeline.blocks import decode_pictures, failure_frame, fill, make_extractors
    from coverfusion.experiments.pipeline.config import make_config
    from coverfusion.experiments.pipeline.outputs import check_folder, one_writer
    from coverfusion.experiments.pipeline.preparation import open_collection
    from coverfusion.experiments.retrieval.source import EXTRACTORS_FILE, note_extractors
    from coverfusion.features.extract import read_table
    from coverfusion.features.pixels import Pixels
    from coverfusion.features.store import Store

    config = make_config(
        "coverfusion extract",
        collection=collection,
        blocks=block or None,
        preset=preset,
        keep=keep,
        store=store,
    )
    folder = out or Path("runs") / f"table-{config.collection_name}"
    check_folder(folder)
    chosen = make_extractors(config.blocks, config.preset)
    covers = open_collection(config).frame
    feature_store = Store(config.store)
    for pixels in (e for e in chosen if isinstance(e, Pixels)):
        decoded, unread = decode_pictures(covers, pixels, config.store, max_failed)
        console.print(
            f"Pictures, for the classifiers that learn from them: "
            f"{how_many(len(covers) - len(unread), 'cover')} in {decoded.folder}; "
            f"{how_many(len(unread), 'failure')}",
            soft_wrap=True,
        )
    extractors = [e for e in chosen if not isinstance(e, Pixels)]
    if not extractors:
        return
    make_output_folder(folder)
    with one_writer(folder / ".lock", folder):
        if on_ray:
            from coverfusion.experiments.cluster.extract import extract_on_ray

            failures = extract_on_ray(
                covers, extractors, feature_store, workers, address, max_failed=max_failed
            )
        else:
            failures = fill(covers, extractors, feature_store, max_failed)
        table = read_table(covers["cover_id"].tolist(), extractors, feature_store)
        table.save(folder)
        covers.to_parquet(folder / "covers.parquet")
        note_extractors(folder, extractors)
        write_sums(folder, ["covers.parquet", EXTRACTORS_FILE])
        write_csv(failure_frame(failures), folder / "failures.csv")
    shapes = ", ".join(f"{name} {frame.shape[1]}" for name, frame in table.blocks.items())
    console.print(f"{how_many(len(table), 'cover')}, columns: {shapes}; {how_many(len(failures), 'failure')}")
    print_place("Feature table", folder)
    options = {
        "-b": block,
        "--preset": None if preset == "packaged" else preset,
        "--keep": None if keep == "drop" else keep,
        "--store": store,
    }
    print_next("train models on them", "train", collection, *given_options(options))


def _describe(blocks: list[str] | None, preset: str) -> None:
    """Prints every column with its meaning; blocks that cannot run here come last and say why."""
    from coverfusion.features.registry import create, extractor_names, missing_weights

    extractors = [create(name, preset) for name in blocks or extractor_names()]
    reasons = {extractor.name: missing_weights(extractor) for extractor in extractors}
    for extractor in sorted(extractors, key=lambda e: reasons[e.name] is not None):
        reason = reasons[extractor.name]
        table = new_table(
            f"\nBlock {extractor.name}" + (f", which cannot run here: {reason}" if reason else "")
        )
        table.add_column("column", overflow="fold")
        table.add_column("meaning", overflow="fold")
        for column, meaning in extractor.describe().items():
            table.add_row(f"{extractor.name}.{column}", meaning)
        console.print(table)
