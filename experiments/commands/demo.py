"""`coverfusion demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.options import SeedOption
from coverfusion.experiments.commands.printing import print_run


def demo_command(
    out: Annotated[Path, typer.Option(help="The folder where the sample and the run are made.")] = Path(
        "runs/demo"
    ),
    seed: SeedOption = 0,
) -> None:
    """Draws a sample collection and does the whole job on it.

    Example: `coverfusion demo`
    """
    from coverfusion.experiments.training.demo import run_demo

    print_run(run_demo(out, seed))
