"""`coverfusion demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.printing import show_run


def demo(
    out: Annotated[Path, typer.Option(help="where sample and run are made")] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(help="of the drawn sample and the run")] = 0,
) -> None:
    """Draws a sample collection and does the whole job on it.

    Example: `coverfusion demo`
    """
    from coverfusion.experiments.training.demo import run_demo

    show_run(run_demo(out, seed))
