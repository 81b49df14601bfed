"""From a config to a filled store: which blocks can run, extraction with bars, what failed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.sides import every_picture
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.outputs import check_folder
from coverfusion.experiments.pipeline.progress import block_bars
from coverfusion.features.decoded import Decoded, decode_all, missing
from coverfusion.features.extract import Failure, extract
from coverfusion.features.failure_limit import MAX_FAILED
from coverfusion.features.pixels import Pixels
from coverfusion.features.registry import Extractor, create, extractor_names, missing_weights
from coverfusion.features.store import Store


def make_extractors(blocks: Mapping[str, Mapping[str, Any]] | None, preset: str) -> list[Extractor]:
    """The extractors of a config.

    Args:
        blocks: block -> parameters; None takes every block whose weights are here and names the others.
        preset: "packaged" or "hub".

    Raises:
        UserError: a named block is unknown or its weights are not here; no block can run.
    """
    chosen = []
    for name in extractor_names() if blocks is None else blocks:
        extractor = create(name, preset, **(blocks or {}).get(name, {}))
        reason = missing_weights(extractor)
        if reason is None:
            chosen.append(extractor)
        elif blocks is not None:
            raise UserError(f"Block '{name}' cannot run: {reason}")
        else:
            shown = (
                "`coverfusion weights`"
                if preset == "packaged"
                else f"`coverfusion weights --preset {preset}`"
            )
            console.print(f"Without {name}: it needs weights that are not here ({shown} says more).")
    if not chosen:
        raise UserError(f"No block can run with preset '{preset}'. See `coverfusion weights`.")
    return chosen


def fill(
    covers: pd.DataFrame, extractors: list[Extractor], store: Store, max_failed: float = MAX_FAILED
) -> list[Failure]:
    """Computes what the store lacks, backs too, with progress bars; returns the pictures that gave no row."""
    covers = every_picture(covers)
    ids = covers["cover_id"].tolist()
    missing = {e.name: len(store.missing(e.fingerprint(), ids)) for e in extractors}
    if not any(missing.values()):
        return []
    check_folder(store.root, "--store")
    with block_bars(missing) as report:
        return extract(covers, extractors, store, report, max_failed)


def decode_pictures(
    covers: pd.DataFrame, pixels: Pixels, store: Path, max_failed: float = MAX_FAILED
) -> tuple[Decoded, list[Failure]]:
    """Decodes the covers that the cache of pictures lacks, with a bar."""
    if not (count := missing(covers, pixels, store)):
        return decode_all(covers, pixels, store)
    with block_bars({pixels.name: count}) as report:
        started = time.perf_counter()

        def progress(done: int) -> None:
            nonlocal started
            now = time.perf_counter()
            report(pixels.name, done, now - started)
            started = now

        return decode_all(covers, pixels, store, progress, max_failed)


def failure_frame(failures: list[Failure]) -> pd.DataFrame:
    """What failed, as a table for `failures.csv`."""
    return pd.DataFrame([vars(f) for f in failures], columns=["cover_id", "path", "block", "reason"])
