"""`coverfusion bench`: a command for each job that is measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverfusion.data.errors import needs_extra
from coverfusion.experiments.commands.options import (
    ActorsOption,
    BlockOption,
    ClassifiersOption,
    SeedOption,
    StoreOption,
)
from coverfusion.experiments.pipeline.console import console

if TYPE_CHECKING:
    from coverfusion.experiments.pipeline.preparation import Prepared

MEASURING = "Preparing to measure"  # printed before the slow imports
CoversArgument = Annotated[Path, typer.Argument(metavar="COLLECTION", help="Real covers, as for extract.")]
CoversOption = Annotated[int, typer.Option(min=8, help="How many covers to measure on.")]
RoundsOption = Annotated[int, typer.Option(min=2, help="How often ours and the plain one take turns.")]
BundleOption = Annotated[Path, typer.Option(help="The bundle/ folder of a run.")]

bench = typer.Typer(
    help="Speed beside the plain use of the same libraries, what OCR reads right, how far statistics hold.",
    no_args_is_help=True,
)


@bench.command("extract")
def bench_extract_command(
    collection: CoversArgument,
    block: BlockOption = None,
    covers: CoversOption = 128,
    rounds: RoundsOption = 4,
) -> None:
    """Every block and the whole table, beside one picture at a time.

    Example: `coverfusion bench extract covers/ --block color --block cnn`
    """
    console.print(MEASURING)
    from coverfusion.experiments.bench.extract_score import bench_extract

    bench_extract(collection, block, covers, rounds)


@bench.command("score")
def bench_score_command(
    collection: CoversArgument,
    bundle: BundleOption,
    covers: CoversOption = 128,
    rounds: RoundsOption = 4,
) -> None:
    """Scoring, beside the same model used one picture at a time.

    Example: `coverfusion bench score covers/ --bundle runs/covers-0123456789/bundle`
    """
    console.print(MEASURING)
    from coverfusion.experiments.bench.extract_score import bench_score

    bench_score(collection, bundle, covers, rounds)


@bench.command("train")
def bench_train_command(
    collection: CoversArgument,
    covers: CoversOption = 512,
    rounds: RoundsOption = 4,
    backbone: Annotated[str, typer.Option(help="As the classifier finetune has it.")] = "efficientnet-lite0",
    image_size: Annotated[
        int | None, typer.Option(min=16, help="The image size in pixels; the network's own by default.")
    ] = None,
    frozen_stages: Annotated[int, typer.Option(min=0, help="As the classifier finetune has it.")] = 3,
) -> None:
    """Fine-tuning, beside a plain torchvision script.

    Example: `coverfusion bench train covers/ --image-size 160`
    """
    console.print(MEASURING)
    from coverfusion.experiments.bench.train import bench_train

    bench_train(collection, covers, rounds, backbone, image_size, frozen_stages)


@bench.command("ablate")
def bench_ablate_command(
    collection: CoversArgument,
    block: BlockOption = None,
    classifier: ClassifiersOption = None,
    folds: Annotated[int, typer.Option(min=1, max=5, help="How many of five folds are fitted.")] = 2,
    store: StoreOption = None,
) -> None:
    """All subsets of the blocks, beside a loop that refits everything.

    Example: `coverfusion bench ablate covers/ -c svc --folds 1`
    """
    console.print(MEASURING)
    from coverfusion.experiments.ablation.study import DEFAULT_CLASSIFIERS
    from coverfusion.experiments.bench.ablate import bench_ablate, print_ratios

    prepared = _prepared("ablate", collection, block or None, store)
    print_ratios(bench_ablate(prepared, classifier or DEFAULT_CLASSIFIERS, folds))


@bench.command("duplicates")
def bench_duplicates_command(
    collection: CoversArgument,
    covers: Annotated[int, typer.Option(min=8, help="How many covers to make other scans of.")] = 300,
) -> None:
    """How many other scans of real covers are found: re-saved, cropped, framed, turned, photographed.

    Example: `coverfusion bench duplicates covers/ --covers 300`
    """
    console.print(MEASURING)
    from coverfusion.experiments.bench.duplicates import bench_duplicates

    bench_duplicates(collection, covers)


@bench.command("index")
def bench_index_command(
    collection: Annotated[
        Path | None,
        typer.Argument(help="Real covers, to see how their cnn block compares with what is drawn."),
    ] = None,
    vectors: Annotated[int, typer.Option(help="How many vectors are drawn.")] = 1_000_000,
    dimensions: Annotated[int, typer.Option(help="How many numbers a vector has.")] = 1280,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="The kind beside flat: ivf or hnsw (repeatable). The default is both."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Approximate indexes over drawn vectors, beside exact search.

    Example: `coverfusion bench index --vectors 100000 --kind hnsw`
    """
    needs_extra("dev", "`coverfusion bench index`")
    console.print(MEASURING)
    from coverfusion.experiments.bench.index import bench_index, print_bench

    real = None if collection is None else _prepared("index", collection, ["cnn"], store).table.blocks["cnn"]
    print_bench(bench_index(vectors, dimensions, kind, real), vectors, dimensions)


@bench.command("ocr")
def bench_ocr_command(
    collection: Annotated[
        Path | None,
        typer.Argument(help="Where transcribed covers are looked for; without it only drawn ones are read."),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(help="The engine: rapidocr or easyocr (repeatable). The default is both."),
    ] = None,
    drawn: Annotated[int, typer.Option(min=1, help="Covers drawn with known words.")] = 300,
    sides: Annotated[int, typer.Option(min=0, help="How many of these are read at four sizes too.")] = 12,
) -> None:
    """How much of the text on covers each engine reads right, drawn and real.

    Example: `coverfusion bench ocr covers/ --engine rapidocr`
    """
    console.print(MEASURING)
    from coverfusion.experiments.bench.ocr import bench_ocr, bench_sides

    engines = engine or ["rapidocr", "easyocr"]
    bench_ocr(collection, engines, drawn)
    if sides:
        bench_sides(engines[0], sides)


@bench.command("sizes")
def bench_sizes_command(
    collection: CoversArgument,
    block: BlockOption = None,
    covers: Annotated[int, typer.Option(min=1, help="how many covers a round")] = 16,
    rounds: Annotated[int, typer.Option(min=1, help="how often")] = 3,
) -> None:
    """What the same covers cost at 300 to 3,000 pixels, block by block.

    Example: `coverfusion bench sizes covers/ --block color --block people`
    """
    console.print(MEASURING)
    from coverfusion.experiments.bench.sizes import bench_sizes

    bench_sizes(collection, block, covers, rounds)


@bench.command("statistics")
def bench_statistics_command(
    samples: Annotated[int, typer.Option(min=2, help="Simulated collections for each row.")] = 1000,
    seed: SeedOption = 0,
    out: Annotated[Path | None, typer.Option(help="A CSV file to write.")] = None,
) -> None:
    """How often tests reject and intervals hold the truth, on simulated covers whose truth is known.

    200 samples take about ten minutes on one core.

    Example: `coverfusion bench statistics --samples 200`
    """
    console.print(MEASURING)
    from coverfusion.data.csv_files import write_csv
    from coverfusion.experiments.bench.statistics import bench_statistics
    from coverfusion.experiments.pipeline.outputs import check_file

    if out:
        check_file(out, [".csv"])
    table = bench_statistics(samples, seed)
    if out:
        write_csv(table, out)


@bench.command("ray")
def bench_ray_command(
    collection: CoversArgument,
    block: BlockOption = None,
    bundle: Annotated[
        Path | None,
        typer.Option(help="The bundle/ folder of a run; with it covers are scored instead of extracted."),
    ] = None,
    covers: Annotated[int, typer.Option(min=8, help="How many covers a round has.")] = 512,
    rounds: Annotated[int, typer.Option(min=2, help="How often both engines take turns.")] = 2,
    workers: ActorsOption = None,
) -> None:
    """The ray engine beside the local one, and what ten million covers would cost.

    Example: `coverfusion bench ray covers/ --covers 512` or
    `coverfusion bench ray covers/ --bundle runs/covers-0123456789/bundle`
    """
    needs_extra("ray", "`coverfusion bench ray`")
    console.print(MEASURING)
    from coverfusion.experiments.bench.ray import bench_ray

    bench_ray(collection, block, covers, rounds, workers, bundle)


@bench.command("serve")
def bench_serve_command(
    collection: CoversArgument,
    bundle: BundleOption,
    clients: Annotated[int, typer.Option(min=1, help="How many clients ask at the same time.")] = 8,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds that they ask for.")] = 60,
    covers: CoversOption = 128,
    pictures: Annotated[int, typer.Option(min=1, max=64, help="Pictures in a request.")] = 1,
) -> None:
    """The service under load and under malformed uploads, beside plain scoring.

    Example: `coverfusion bench serve covers/ --bundle runs/covers-0123456789/bundle --clients 4`
    """
    needs_extra("service", "`coverfusion bench serve`")
    needs_extra("dev", "`coverfusion bench serve`")
    console.print(MEASURING)
    from coverfusion.experiments.bench.serve import bench_serve

    bench_serve(collection, bundle, clients, seconds, covers, pictures)


@bench.command("attack")
def bench_attack_command(
    collection: CoversArgument,
    bundle: BundleOption,
    clients: Annotated[int, typer.Option(min=1, help="How many clients ask at the same time.")] = 16,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds that they do so, twice.")] = 60,
    silent: Annotated[int, typer.Option(min=0, help="Connections beside them that send nothing.")] = 1000,
    dripping: Annotated[int, typer.Option(min=0, help="Connections that send a byte a second.")] = 50,
    uploads: Annotated[int, typer.Option(min=0, help="Sound pictures between two looks at memory.")] = 1000,
    hostile: Annotated[int, typer.Option(min=0, help="Hostile pictures among them.")] = 100,
) -> None:
    """The service beside clients that hold its connections, after hostile pictures, and at its end.

    Example: `coverfusion bench attack covers/ --bundle runs/covers-0123456789/bundle`
    """
    needs_extra("service", "`coverfusion bench attack`")
    needs_extra("dev", "`coverfusion bench attack`")
    console.print(MEASURING)
    from coverfusion.experiments.bench.attack import bench_attack

    bench_attack(collection, bundle, clients, seconds, silent, dripping, uploads, hostile)


def _prepared(job: str, collection: Path, blocks: list[str] | None, store: Path | None) -> Prepared:
    from coverfusion.experiments.pipeline.blocks import make_extractors
    from coverfusion.experiments.pipeline.config import make_config
    from coverfusion.experiments.pipeline.preparation import open_collection, prepare

    config = make_config(f"coverfusion bench {job}", collection=collection, blocks=blocks, store=store)
    return prepare(config, open_collection(config), make_extractors(config.blocks, config.preset))
