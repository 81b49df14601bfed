"""The pictures themselves, for networks that learn from them; no numbers, so in no feature table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL.Image import Image, Resampling

from coverfusion.features.registry import BlockExtractor, register

COLUMN = "picture"


@register("pixels")
class Pixels(BlockExtractor):
    """Each cover as one cell: a (side, side, 3) uint8 RGB array, the whole cover squashed to a square.

    Only the classifiers that learn from pictures (`finetune`, `joint`, `stack`) take this block.

    Args:
        side: in pixels; 256 leaves room for crops of the usual 224.

    Raises:
        ValueError: a `side` below 32.
    """

    in_table = False

    def __init__(self, side: int = 256) -> None:
        if side < 32:
            raise ValueError("side must be at least 32 pixels.")
        self.side = side

    def describe(self) -> Mapping[str, str]:
        """One line."""
        return {COLUMN: f"the cover, {self.side} x {self.side} RGB, 0-255; an array a cell"}

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        """(n, 1) object array of (side, side, 3) uint8 arrays for n RGB pictures."""
        cells = np.empty((len(images), 1), dtype=object)
        for row, image in enumerate(images):
            cells[row, 0] = np.asarray(
                image.convert("RGB").resize((self.side, self.side), Resampling.BICUBIC, reducing_gap=3.0)
            )
        return cells
