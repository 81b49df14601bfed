"""Learning rates: one for each stage of a network, their course, and a search for the first."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import torch
from torch import nn

from coverfusion.fusion.networks.recipe import Recipe

LOWEST, HIGHEST = 1e-6, 1.0  # learning rates that the finder tries
TRIES = 60
DIVERGED = 4.0  # times the least loss


def stage_of(name: str, stages: list[list[str]]) -> int:
    """The number of the stage that a parameter belongs to; `len(stages)` for what is no pretrained part."""
    for number, parts in enumerate(stages):
        if any(name == part or name.startswith(f"{part}.") for part in parts):
            return number
    return len(stages)


def parameter_groups(network: nn.Module, recipe: Recipe, learning_rate: float) -> list[dict[str, Any]]:
    """Groups for the optimizer: the rate falls by `layer_decay` a stage from the answer to the picture.

    J. Howard and S. Ruder, Universal Language Model Fine-tuning, ACL 2018. Biases and norms are not decayed.
    Frozen stages are in no group and need no gradient.

    Args:
        network: with `stages`.
        recipe: how it is trained.
        learning_rate: of the new parts.
    """
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    last = len(network.stages)  # type: ignore[arg-type]
    for name, parameter in network.named_parameters():
        stage = stage_of(name, network.stages)  # type: ignore[arg-type]
        learns = stage >= min(recipe.frozen_stages, last)  # new parts always do
        parameter.requires_grad_(learns)
        if not learns:
            continue
        decayed = parameter.ndim > 1
        group = groups.setdefault(
            (stage, decayed),
            {
                "params": [],
                "lr": learning_rate * recipe.layer_decay ** (last - stage),
                "weight_decay": recipe.weight_decay if decayed else 0.0,
            },
        )
        group["params"].append(parameter)
    return list(groups.values())


def schedule_of(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> Any:
    """The course of the rates over all steps; one-cycle: L. Smith and N. Topin, Super-Convergence, 2018."""
    rates = [group["lr"] for group in optimizer.param_groups]
    if recipe.schedule == "one-cycle":
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=max(steps, 2))
    if recipe.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    return torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)


def candidate_rates() -> list[float]:
    """The rates that the finder tries, from least to largest, evenly spaced in their logarithm."""
    ratio = math.log(HIGHEST / LOWEST) / (TRIES - 1)
    return [LOWEST * math.exp(ratio * i) for i in range(TRIES)]


def steepest(tried: pd.DataFrame) -> float:
    """The rate at which the smoothed loss falls fastest.

    The learning rate range test: L. Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017.

    Args:
        tried: `learning_rate` and `loss`, in the order of the test.
    """
    smooth = tried["loss"].ewm(span=8).mean()
    before = smooth.loc[: smooth.idxmin()]
    if len(before) < 3:
        return float(tried["learning_rate"].iloc[0])
    return float(tried["learning_rate"].iloc[int(before.diff().argmin())])
