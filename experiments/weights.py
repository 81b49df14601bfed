"""The pretrained weights of the blocks: listing and fetching."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.console import console
from coverfusion.features.registry import create, extractor_names


def listing(preset: str, blocks: Sequence[str] | None = None) -> pd.DataFrame:
    """One row a weight file: block, weights, source, licence, MB, ready."""
    rows = []
    for name in blocks or extractor_names():
        for item in create(name, preset).weights():
            state = "yes" if item.ready() else f"no: {item.how_to_get}"
            rows.append((name, item.name, item.source, item.licence, f"{item.megabytes:.1f}", state))
    return pd.DataFrame(rows, columns=["block", "weights", "source", "licence", "MB", "ready"])


def fetch(preset: str, blocks: Sequence[str] | None = None) -> None:
    """Downloads what is missing and can be downloaded.

    Raises:
        UserError: a download failed; the message names the weights.
    """
    for name in blocks or extractor_names():
        for item in create(name, preset).weights():
            if item.ready() or item.fetch is None:
                continue
            console.print(f"Fetching {item.name} from {item.source}")
            try:
                item.fetch()
            except Exception as error:  # each library raises its own kinds
                raise UserError(f"Fetching {item.name} from {item.source} failed: {error}") from error
