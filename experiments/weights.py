"""The pretrained weights of the blocks: listing and fetching."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.console import console, new_table
from coverfusion.features.registry import create, extractor_names
from coverfusion.features.weights import Weights


def weights_of(preset: str, blocks: Mapping[str, Mapping[str, Any]] | None) -> list[tuple[str, Weights]]:
    """Block and weight file, one pair a file.

    Args:
        preset: "packaged" or "hub".
        blocks: block -> its parameters, as in a config; None: every block with its defaults.
    """
    named = {name: {} for name in extractor_names()} if blocks is None else blocks
    made = {name: create(name, preset, **parameters) for name, parameters in named.items()}
    return [(name, item) for name, extractor in made.items() for item in extractor.weights()]


def listing(weights: list[tuple[str, Weights]]) -> pd.DataFrame:
    """One row a weight file: block, weights, source, licence, MB, ready."""
    rows = []
    for name, item in weights:
        state = "yes" if item.ready() else f"no: {item.how_to_get}"
        rows.append((name, item.name, item.source, item.licence, f"{item.megabytes:.1f}", state))
    return pd.DataFrame(rows, columns=["block", "weights", "source", "licence", "MB", "ready"])


def print_listing(weights: list[tuple[str, Weights]]) -> None:
    """Prints each weight file once, with the blocks that need it; those that are here come first."""
    blocks: dict[tuple[str, str], list[str]] = {}
    files: dict[tuple[str, str], Weights] = {}
    for name, item in weights:
        blocks.setdefault((item.name, item.source), []).append(name)
        files[item.name, item.source] = item
    table = new_table()
    table.add_column("blocks", overflow="fold")
    table.add_column("weights, source, licence", overflow="fold")
    table.add_column("MB", justify="right", no_wrap=True)
    table.add_column("here", no_wrap=True)
    for key, item in sorted(files.items(), key=lambda found: not found[1].ready()):
        words = f"{item.name}\n{item.source}; {item.licence}"
        if not item.ready():
            words += f"\nto get it: {item.how_to_get}"
        table.add_row("\n".join(blocks[key]), words, f"{item.megabytes:.1f}", "yes" if item.ready() else "no")
    console.print(table)


def fetch(weights: list[tuple[str, Weights]]) -> None:
    """Downloads what is missing and can be downloaded.

    Raises:
        UserError: a download failed; the message names the weights.
    """
    for _, item in weights:
        if item.ready() or item.fetch is None:
            continue
        console.print(f"Fetching {item.name} from {item.source}")
        try:
            item.fetch()
        except Exception as error:  # each library raises its own kinds
            raise UserError(f"Fetching {item.name} from {item.source} failed: {error}") from error
