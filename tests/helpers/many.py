"""Drawn covers of several genres: the colour tells one, the stripes tell another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from coverfusion.experiments.training.train import train
from tests.helpers.pictures import encode, grained, save_manifest
from tests.helpers.small import config

SIDE = 64
CELL = 8
# pairs of colours of about one luma, so that a grey picture says nothing of them
RED, BLUE = (160, 96, 96), (96, 108, 160)


def save_many(folder: Path, covers: int = 60) -> Path:
    """The manifest of covers that are ember (red), wave (striped), both, or quiet (neither), a quarter each.

    A cover without stripes has their cells in another order, so that its colours are the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(covers):
        red, striped = number % 2 == 1, number // 2 % 2 == 1
        path = folder / f"cover-{number:03d}.png"
        path.write_bytes(encode(_drawn(number, red, striped), "PNG"))
        names = [name for name, has in (("ember", red), ("wave", striped)) if has]
        rows.append({"path": str(path), "genre": "|".join(names) or "quiet", "group": f"g{number}"})
    return save_manifest(folder / "covers.csv", rows)


def train_many(manifest: Path, blocks: Sequence[str] = ("color", "texture")) -> Path:
    """The folder of a run of `logistic` over three folds on covers of several genres."""
    asked = {"labels": "many", "classifiers": ["logistic"], "alone": [], "folds": 3}
    return train(config(manifest, manifest.parent.parent / "runs", blocks=list(blocks), **asked))


def _drawn(number: int, red: bool, striped: bool) -> PIL.Image.Image:
    rng = np.random.default_rng(number)
    colour = np.array(RED if red else BLUE) + rng.integers(-25, 26) + rng.integers(-20, 21, 3)
    cells = np.tile(np.arange(SIDE // CELL) % 2, (SIDE // CELL, 1))
    if not striped:
        cells = rng.permutation(cells.ravel()).reshape(cells.shape)
    light = np.kron(cells, np.ones((CELL, CELL), int))[..., None] * 60 - 30
    picture = PIL.Image.fromarray(np.clip(colour + light, 0, 255).astype(np.uint8))
    return grained(picture, number)
