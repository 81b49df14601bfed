"""A small drawn collection whose colours tell the genres, more or less, for studies that fit many models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image

from coverfusion.experiments.pipeline.config import Config, make_config
from tests.helpers.pictures import encode, noise, save_manifest, solid

TINTS = {"dub": (60, 120, 60), "opera": (130, 60, 60), "techno": (60, 60, 130)}
EACH = 30


def save_small(folder: Path) -> Path:
    """The manifest of noisy covers in pairs that must stay together."""
    rows = []
    for genre, tint in TINTS.items():
        for number in range(EACH):
            seed = 100 * list(TINTS).index(genre) + number
            shift = np.random.default_rng(seed).integers(-60, 60, 3)
            colour = tuple(int(v) for v in np.clip(np.array(tint) + shift, 0, 255))
            path = folder / f"{genre}-{number}.jpg"
            path.write_bytes(encode(PIL.Image.blend(noise(seed, (40, 40)), solid(colour, (40, 40)), 0.7)))
            rows.append({"path": str(path), "genre": genre, "group": f"{genre}-{number // 2}"})
    return save_manifest(folder / "covers.csv", rows)


def config(manifest: Path, out: Path, **more: object) -> Config:
    """Of a study on its colours, with a store beside the manifest."""
    values: dict = {"blocks": ["color"], "out": out, "store": manifest.parent / "store"}
    return make_config("test", collection=manifest, **values | more)


def tiny_network(folder: Path) -> dict[str, object]:
    """Parameters of `finetune` for a tiny network and one epoch; its weights go into `folder`."""
    from tests.helpers.tiny import BACKBONE, tiny_weights

    return {
        "backbone": BACKBONE,
        "checkpoint": tiny_weights(folder),
        "image_size": 32,
        "epochs": 1,
        "head_epochs": 0,
        "frozen_stages": 0,
        "learning_rate": 1e-3,  # at ten times that it may diverge
        "device": "cpu",
        "workers": 0,
    }
