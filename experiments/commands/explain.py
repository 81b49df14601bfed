"""`coverfusion explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from coverfusion.experiments.commands.targets import (
    SetCoverageOption,
    TargetCoverageOption,
    TargetErrorOption,
)
from coverfusion.experiments.pipeline.console import console


def explain(
    bundle: Annotated[Path, typer.Argument(help="a run's bundle/ folder")],
    picture: Annotated[str, typer.Argument(help="a picture, or zip!member")],
    out: Annotated[Path, typer.Option(help="a .png; the JSON is written beside it")] = Path("explain.png"),
    top_k: Annotated[int, typer.Option(min=1, help="genres it names")] = 3,
    attention: Annotated[
        bool, typer.Option("--map/--no-map", help="the map of where the image network looks")
    ] = True,
    target_error: TargetErrorOption = None,
    target_coverage: TargetCoverageOption = None,
    set_coverage: SetCoverageOption = 0.9,
) -> None:
    """Why one cover gets its genre: blocks, features, marks, a map and the nearest covers.

    Example: `coverfusion explain runs/demo/bundle cover.jpg --out explain.png`
    """
    from coverfusion.experiments.explanation.blocks import PROBABILITY
    from coverfusion.experiments.explanation.explain import explain as run
    from coverfusion.experiments.explanation.marks import NO_PEOPLE, NO_WORDS, counted_words
    from coverfusion.fusion.uncertainty.decision import Targets

    targets = Targets(target_error, target_coverage, set_coverage)
    found = run(bundle, picture, out, top_k, attention, targets)
    told = ", ".join(f"{genre} {chance:.3f}" for genre, chance in found.genres)
    console.print(f"{told} ({found.classifier})", highlight=False, markup=False)
    for sentence in found.in_words():
        console.print(sentence, style="yellow", highlight=False, markup=False)
    parts = found.contributions
    short = "probability" if parts.unit == PROBABILITY else "log probability"
    table = Table(title=f"What speaks for {found.genre} (+) or against it, {short}")
    for column in ("block or feature", "effect", "here"):
        table.add_column(column, justify="left" if column == "block or feature" else "right")
    for block, value in sorted(parts.blocks.items(), key=lambda item: -item[1]):
        table.add_row(block, f"{value:+.3f}", "")
    table.add_section()
    for feature in found.features[:5]:
        table.add_row(feature.column, f"{feature.contribution:+.3f}", f"{feature.value:.3g}")
    console.print(table)
    if found.faces is None or found.persons is None:
        console.print(NO_PEOPLE, highlight=False)
    else:
        faces, persons = (
            counted_words(found.faces, "face", "faces"),
            counted_words(found.persons, "person", "persons"),
        )
        console.print(f"{faces}, {persons}", highlight=False)
    boxes = NO_WORDS if found.words is None else counted_words(found.words, "text box", "text boxes")
    console.print(boxes, highlight=False)
    for block, reason in found.failed.items():
        console.print(f"{block} failed: {reason}", style="yellow", highlight=False, markup=False)
    console.print(f"Picture: {out}", highlight=False, soft_wrap=True)
    console.print(f"JSON: {out.with_suffix('.json')}", highlight=False, soft_wrap=True)
