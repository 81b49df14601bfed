"""The network behind `mlp`: its parts and its training loop (torch is imported at first use)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from coverfusion.fusion.networks.losses import focal_loss, soft_targets

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Schedule:
    """How a network is trained; the fields are described at `fusion.mlp.FusionMLP`."""

    block_dropout: float
    focal_gamma: float
    label_smoothing: float
    learning_rate: float
    weight_decay: float
    batch_size: int
    max_epochs: int
    patience: int
    device: str
    seed: int


def new_network(
    widths: Sequence[int], n_classes: int, adapter: int, hidden: int, dropout: float, seed: int
) -> torch.nn.ModuleDict:
    """Adapters (one a block), the vectors that stand for a missing block, and the head.

    Args:
        widths: input width of each block.
        n_classes: width of the output.
        adapter: output width of each adapter.
        hidden: width of the layer between.
        dropout: share of values dropped before and behind that layer while training.
        seed: of the first weights.
    """
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.ModuleDict(
            {
                "adapters": nn.ModuleList(
                    nn.Sequential(nn.Linear(width, adapter), nn.LayerNorm(adapter), nn.GELU())
                    for width in widths
                ),
                "missing": nn.ParameterList(torch.zeros(adapter) for _ in widths),
                "head": nn.Sequential(
                    nn.Dropout(dropout),
                    nn.Linear(adapter * len(widths), hidden),
                    nn.LayerNorm(hidden),
                    nn.GELU(),
                    nn.Dropout(dropout),
                    nn.Linear(hidden, n_classes),
                ),
            }
        )


def logits(network: torch.nn.ModuleDict, blocks: Sequence[torch.Tensor], gone: torch.Tensor) -> torch.Tensor:
    """(n, n_classes) for the (n, width) inputs of each block and the (n, n_blocks) mask of missing ones."""
    import torch

    adapters, missing = list(network["adapters"].children()), list(network["missing"].parameters())
    parts = [
        torch.where(gone[:, [number]], missing[number], adapters[number](block))
        for number, block in enumerate(blocks)
    ]
    return network["head"](torch.cat(parts, dim=1))


def device_of(name: str) -> torch.device:
    """The torch device for "auto" (CUDA where there is one, else CPU) or a device name."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def train(
    network: torch.nn.ModuleDict,
    blocks: Sequence[np.ndarray],
    missing: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    split: tuple[np.ndarray, np.ndarray] | None,
    schedule: Schedule,
) -> int:
    """Trains in place with AdamW; keeps the epoch of the least inner log loss.

    Args:
        network: as made by `new_network`.
        blocks: (n, width) float32 inputs of each block.
        missing: (n, n_blocks) bool, blocks that are not there.
        y: (n,) class codes.
        weight: (n,) sample weights.
        split: rows to learn from and rows to stop by; None: learn from all, to the last epoch.
        schedule: how.

    Returns:
        The number of epochs that made the kept weights.
    """
    import torch

    device = device_of(schedule.device)
    network.to(device)
    inputs = [torch.from_numpy(block).to(device) for block in blocks]
    gone = torch.from_numpy(missing).to(device)
    target = torch.from_numpy(y.astype(np.int64)).to(device)
    weights = torch.from_numpy(weight.astype(np.float32)).to(device)
    learn, stop = (torch.from_numpy(rows).to(device) for rows in split or (np.arange(len(y)), np.arange(0)))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    best, best_epoch, kept = float("inf"), 0, None
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(schedule.seed)
        for epoch in range(1, schedule.max_epochs + 1):
            network.train()
            for batch in learn[torch.randperm(len(learn), device=device)].split(schedule.batch_size):
                dropped = torch.rand(len(batch), gone.shape[1], device=device) < schedule.block_dropout
                scores = logits(network, [block[batch] for block in inputs], gone[batch] | dropped)
                wanted = soft_targets(target[batch], scores.shape[1], schedule.label_smoothing)
                loss = focal_loss(scores, wanted, weights[batch], schedule.focal_gamma)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if not len(stop):
                best_epoch = epoch
                continue
            network.eval()
            with torch.inference_mode():
                scores = logits(network, [block[stop] for block in inputs], gone[stop])
                wanted = soft_targets(target[stop], scores.shape[1])
                held_out = float(focal_loss(scores, wanted, weights[stop]))
            if held_out < best:
                best, best_epoch, kept = held_out, epoch, copy.deepcopy(network.state_dict())
            elif epoch - best_epoch >= schedule.patience:
                break
    if kept is not None:
        network.load_state_dict(kept)
    network.eval().to("cpu")
    return best_epoch


def probabilities(
    network: torch.nn.ModuleDict, blocks: Sequence[np.ndarray], missing: np.ndarray, batch_size: int = 4096
) -> np.ndarray:
    """(n, n_classes) float64 for inputs as in `train`."""
    import torch

    outputs = []
    with torch.inference_mode():
        for start in range(0, len(missing), batch_size):
            rows = slice(start, start + batch_size)
            scores = logits(
                network, [torch.from_numpy(b[rows]) for b in blocks], torch.from_numpy(missing[rows])
            )
            outputs.append(torch.softmax(scores.double(), dim=1).numpy())
    return np.concatenate(outputs)
