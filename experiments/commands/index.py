"""`coverfusion index`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import from_here, print_next
from coverfusion.experiments.commands.options import BlockOption, SeedOption, TableArgument
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console, print_frame


def index_command(
    source: TableArgument,
    out: Annotated[Path | None, typer.Option(help="The folder to make; runs/index-NAME by default.")] = None,
    block: BlockOption = None,
    kind: Annotated[
        str, typer.Option(help="The kind of index: flat, ivf, hnsw, or auto (by the number of covers).")
    ] = "auto",
    evaluate: Annotated[
        bool,
        typer.Option(
            "--evaluate",
            help="Measure how often the nearest covers have the same genre, for all blocks, each block"
            " and chance.",
        ),
    ] = False,
    seed: SeedOption = 0,
) -> None:
    """Makes an index that finds the covers most alike, over any blocks; the command similar asks it.

    Example: `coverfusion index runs/covers-0123456789 --block cnn --block color --out index/`
    """
    from coverfusion.experiments.drawing.words import percent
    from coverfusion.experiments.retrieval.index import first_cover, load_facts, write_index_folder

    folder = write_index_folder(source, out, block or None, kind, seed)
    facts = load_facts(folder)
    size = sum(file["bytes"] for file in facts["files"].values())
    effort = "".join(f", {name} {value}" for name, value in facts["effort"].items())
    recipe = "" if facts["kind"] == "flat" else f" ({facts['recipe']}{effort})"  # faiss's own words
    found = (
        "The search is exact."
        if facts["kind"] == "flat"
        else f"Recall@10 {percent(facts['recall_at_10'])}: of the 10 truly nearest covers, so many are found "
        f"({facts['recall_queries']} held-out covers)."
    )
    console.print(
        f"{facts['covers']:,} covers by {', '.join(facts['blocks'])}. Kind of index: {facts['kind']}"
        f"{recipe}, {size / 1e6:,.1f} MB, made in {facts['seconds']['all']:.1f} s."
    )
    console.print(found)
    if evaluate:
        from coverfusion.experiments.retrieval.precision import write_retrieval

        table, of = write_retrieval(source, folder, block or None, seed)
        print_frame(table, f"Precision@k of {of}")
        print_place("Chart", folder / "retrieval.svg")
    print_place("Index", folder)
    print_next("find covers like one", "similar", folder, from_here(first_cover(folder)))
