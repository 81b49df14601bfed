"""`coverfusion runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def runs_command(
    folder: Annotated[Path, typer.Argument(help="A folder of run folders.")] = Path("runs"),
) -> None:
    """Lists the runs in a folder: collection, blocks, chosen model with its interval, date and note.

    Example: `coverfusion runs` or `coverfusion runs studies/`
    """
    from coverfusion.experiments.training.run_list import find_runs, print_runs

    print_runs(folder, find_runs(folder))
