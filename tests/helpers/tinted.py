"""Drawn covers whose colour is their genre, and a network small enough to train on them at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from coverfusion.fusion.networks.dataset import CoverDataset
from coverfusion.fusion.networks.recipe import Recipe
from coverfusion.fusion.pictures import COLUMN

GENRES = np.array(["Blues", "Punk"])
TINTS = np.array([(40, 60, 160), (160, 60, 40)])
RECIPE = Recipe(
    image_size=16,
    epochs=3,
    head_epochs=0,
    batch_size=8,
    accumulate=1,
    learning_rate=1e-2,
    layer_decay=0.5,
    weight_decay=1e-2,
    schedule="one-cycle",
    frozen_stages=0,
    batch_norm="frozen",
    augmentation="simple",
    sampling="plain",
    focal_gamma=0.0,
    label_smoothing=0.1,
    ema=None,
    patience=None,
    precision="32",
    device="cpu",
    devices=1,
    workers=0,
    seed=0,
)


def tinted(n: int = 24, side: int = 20, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """X, y: n noisy pictures, bluish for Blues, reddish for Punk."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    noise = rng.integers(-40, 40, (n, side, side, 3))
    cells = pd.Series(list((TINTS[y][:, None, None] + noise).astype(np.uint8)), dtype=object)
    return cells.to_frame(COLUMN), GENRES[y]


def examples(n: int = 24, seed: int = 0) -> CoverDataset:
    """The same covers as the training loop takes them."""
    X, y = tinted(n, seed=seed)
    codes = torch.from_numpy(np.searchsorted(GENRES, y))
    return CoverDataset(X[COLUMN].tolist(), None, None, codes, torch.ones(n))


def recipe(**changes: Any) -> Recipe:
    """`RECIPE` with some values changed."""
    return replace(RECIPE, **changes)


class TinyNetwork(nn.Module):
    """Two "pretrained" stages, each a convolution with its batch norm, and a head with dropout."""

    n_classes = 2

    def __init__(self, seed: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        self.stages = [["first"], ["second"]]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), nn.BatchNorm2d(6), nn.ReLU())
            self.second = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())
            self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(8, self.n_classes))

    def forward(self, batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        x = self.second(self.first(batch["picture"].float() / 128 - 1))
        return [self.head(x.mean((2, 3)))]
