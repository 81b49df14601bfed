"""`coverfusion runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import print_next


def runs_command(
    folder: Annotated[Path, typer.Argument(help="A folder of run folders.")] = Path("runs"),
) -> None:
    """Lists the runs in a folder: collection, blocks, chosen model with its interval, date and note.

    Example: `coverfusion runs` or `coverfusion runs studies/`
    """
    from coverfusion.experiments.training.run_list import find_runs, print_runs

    found = find_runs(folder)
    print_runs(folder, found)
    newest = next((one.folder for one in found if one.run is not None), None)
    if newest is not None:
        print_next("see what sets the newest one's genres apart", "report", newest)
