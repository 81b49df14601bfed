"""`coverfusion bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.engine import WorkersOption
from coverfusion.experiments.commands.options import BlockOption, StoreOption

if TYPE_CHECKING:
    from coverfusion.experiments.pipeline.preparation import Prepared


def bench(
    what: Annotated[str, typer.Argument(help="extract, score, train, ablate, index, ray or serve")],
    collection: Annotated[
        Path | None, typer.Option(help="as for train; for index only to compare with its cnn block")
    ] = None,
    bundle: Annotated[Path | None, typer.Option(help="score, ray, serve: a run's bundle/ folder")] = None,
    block: BlockOption = None,
    covers: Annotated[
        int | None, typer.Option(min=8, help="how many covers to measure on; 128, for train 512")
    ] = None,
    rounds: Annotated[int, typer.Option(min=2, help="alternations of ours and plain")] = 4,
    classifier: Annotated[
        list[str] | None, typer.Option("--classifier", "-c", help="for ablate (repeatable)")
    ] = None,
    folds: Annotated[int, typer.Option(min=1, max=5, help="for ablate: how many of five folds")] = 2,
    vectors: Annotated[int, typer.Option(help="for index: how many are drawn")] = 1_000_000,
    dimensions: Annotated[int, typer.Option(help="for index: numbers a vector")] = 1280,
    kind: Annotated[
        list[str] | None, typer.Option(help="for index: ivf or hnsw (repeatable), beside flat")
    ] = None,
    store: StoreOption = None,
    workers: WorkersOption = None,
    clients: Annotated[int, typer.Option(min=1, help="for serve: how many ask at the same time")] = 8,
    seconds: Annotated[float, typer.Option(min=1, help="for serve: how long they do")] = 60,
    pictures: Annotated[int, typer.Option(min=1, max=64, help="for serve: in a request")] = 1,
    backbone: Annotated[str, typer.Option(help="for train: as for finetune")] = "efficientnet-lite0",
    image_size: Annotated[
        int | None, typer.Option(min=16, help="for train: in pixels; the network's own, if left out")
    ] = None,
    frozen_stages: Annotated[int, typer.Option(min=0, help="for train: as for finetune")] = 3,
) -> None:
    """Speed beside the plain use of the same libraries in the same run; of an index, beside exact search.

    Example: `coverfusion bench extract --collection covers/` or `coverfusion bench index --vectors 100000`
    """
    if what == "index":
        from coverfusion.experiments.bench.index import bench_index, print_bench

        real = None if collection is None else _prepared(collection, ["cnn"], store).table.blocks["cnn"]
        print_bench(bench_index(vectors, dimensions, kind, real), vectors, dimensions)
        return
    if what not in ("extract", "score", "train", "ablate", "ray", "serve"):
        raise UserError(
            f"bench {what}: say `extract`, `score`, `train`, `ablate`, `index`, `ray` or `serve`."
        )
    if collection is None:
        raise UserError(f"bench {what}: name the covers with --collection.")
    if what == "train":
        from coverfusion.experiments.bench.train import bench_train

        bench_train(collection, covers or 512, rounds, backbone, image_size, frozen_stages)
        return
    covers = covers or 128
    if what == "extract":
        from coverfusion.experiments.bench.extract_score import bench_extract

        bench_extract(collection, block, covers, rounds)
    elif what == "score":
        from coverfusion.experiments.bench.extract_score import bench_score

        if bundle is None:
            raise UserError("bench score: name the model with --bundle.")
        bench_score(collection, bundle, covers, rounds)
    elif what == "ray":
        from coverfusion.experiments.bench.ray import bench_ray

        bench_ray(collection, block, covers, rounds, workers, bundle)
    elif what == "serve":
        from coverfusion.experiments.bench.serve import bench_serve

        if bundle is None:
            raise UserError("bench serve: name the model with --bundle.")
        bench_serve(collection, bundle, clients, seconds, covers, pictures)
    else:
        from coverfusion.experiments.ablation.study import CLASSIFIERS
        from coverfusion.experiments.bench.ablate import bench_ablate, print_ratios

        print_ratios(
            bench_ablate(_prepared(collection, block or None, store), classifier or CLASSIFIERS, folds)
        )


def _prepared(collection: Path, blocks: list[str] | None, store: Path | None) -> Prepared:
    from coverfusion.experiments.pipeline.blocks import make_extractors
    from coverfusion.experiments.pipeline.config import make_config
    from coverfusion.experiments.pipeline.preparation import open_collection, prepare

    config = make_config("coverfusion bench", collection=collection, blocks=blocks, store=store)
    return prepare(config, open_collection(config), make_extractors(config.blocks, config.preset))
