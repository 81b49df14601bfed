"""Covers of genres that are easily mistaken, and what a run on them may be decided by."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

COLOURS = {"dub": (30, 120, 40), "opera": (150, 30, 40), "techno": (70, 90, 60)}


def confusable_cover(colour: tuple[int, int, int], number: int) -> Image.Image:
    """Random tiles of about the genre's colour; dub and techno are easily mistaken."""
    rng = np.random.default_rng([number, *colour])
    tiles = rng.normal(colour, 60, (6, 6, 3)) + rng.normal(0, 35, 3)
    return Image.fromarray(tiles.clip(0, 255).astype(np.uint8)).resize((60, 60), Image.Resampling.NEAREST)


def deciding(run: Path) -> pd.DataFrame:
    """Predictions of covers that had no part in choosing the run's model."""
    frame = pd.read_parquet(run / "predictions.parquet")
    return frame[frame["decides"]]
