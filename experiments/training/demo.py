"""The demo: a drawn sample collection, and the main job on it."""

from __future__ import annotations

import os
from pathlib import Path

from coverfusion.data.sample.draw import draw_sample
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.outputs import check_folder
from coverfusion.experiments.training.train import train

SAMPLE_NOTE = (
    "This sample is drawn by a program: its scores show that everything works, not what music is like."
)


def run_demo(out: str | os.PathLike[str], seed: int) -> Path:
    """Draws the sample under `out` (once) and trains on it.

    Returns:
        The run folder.

    Raises:
        UserError: nothing can be written there.
    """
    out = Path(out)
    check_folder(out)
    sample = out / "sample"
    if not sample.is_dir():
        console.print("Drawing the sample collection")
        partial = out / ".sample.partial"
        draw_sample(partial, seed=seed)
        partial.replace(sample)
    console.print(SAMPLE_NOTE, style="yellow")
    return train(make_config("demo", collection=sample, out=out, seed=seed), note=SAMPLE_NOTE)
