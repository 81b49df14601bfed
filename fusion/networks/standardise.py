"""Standardises what an image network's head sees, before anything is learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from coverfusion.fusion.networks.dataset import CoverDataset
from coverfusion.fusion.networks.image_network import Embedder, ImageNetwork
from coverfusion.fusion.networks.recipe import Recipe
from coverfusion.fusion.networks.training import logits

COVERS = 512  # looked at
MIN_SPREAD = 1e-4  # of the mean spread; a column below it says nothing


def standardise(network: ImageNetwork, examples: CoverDataset, recipe: Recipe) -> None:
    """Sets `centre` and `spread` of the embedding so that its columns have mean 0 and spread 1.

    P. Kraehenbuehl et al., Data-dependent Initializations of Convolutional Neural Networks, ICLR 2016, for
    the last layer alone: the columns of pretrained features differ in size by orders of magnitude, and all
    weights of the head have one learning rate.

    Args:
        network: changed in place.
        examples: the training covers, of which up to 512 are looked at, drawn by the recipe's seed and seen
            whole; covers without a picture are left out.
        recipe: the device, size, precision and seed.
    """
    there = np.array([picture is not None for picture in examples.pictures or []], bool)
    rows = np.random.default_rng(recipe.seed).permutation(np.flatnonzero(there))[:COVERS]
    if len(rows) < 2:
        return
    some = replace(examples.rows(rows), blocks=None, gone=None)
    embedding = logits(Embedder(network), some, recipe).double()
    spread = embedding.std(dim=0, correction=0)
    network.centre.copy_(embedding.mean(dim=0))
    network.spread.copy_(torch.where(spread < MIN_SPREAD * spread.mean(), 1.0, spread))
