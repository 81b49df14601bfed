"""The image network with a new head, as `finetune` trains it."""

from __future__ import annotations

import torch
from torch import nn

from coverfusion.features.networks.backbone import Backbone


class ImageNetwork(nn.Module):
    """Normalisation, trunk, standardised embedding, dropout, linear head.

    `centre` and `spread` of the embedding are set by `fusion.networks.standardise`. The head begins at 0, so
    that its first gradients change nothing in the trunk.

    Args:
        backbone: the pretrained trunk.
        n_classes: width of the answer.
        dropout: share of the trunk's output dropped while training.
    """

    mean: torch.Tensor
    std: torch.Tensor
    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, backbone: Backbone, n_classes: int, dropout: float) -> None:
        super().__init__()
        self.n_classes, self.width = n_classes, backbone.width
        self.stages = [[f"trunk.{part}" for part in stage] for stage in backbone.stages]
        self.trunk = backbone.trunk.to(memory_format=torch.channels_last)
        self.register_buffer("mean", 255 * torch.tensor(backbone.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(backbone.std).view(3, 1, 1), persistent=False)
        self.register_buffer("centre", torch.zeros(backbone.width))
        self.register_buffer("spread", torch.ones(backbone.width))
        linear = nn.Linear(backbone.width, n_classes)
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        self.head = nn.Sequential(nn.Dropout(dropout), linear)

    def forward(self, batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        """One (n, n_classes) tensor of logits for `picture`, (n, 3, h, w) of 0-255."""
        return [self.head(self.embed(batch["picture"]))]

    def embed(self, picture: torch.Tensor) -> torch.Tensor:
        """(n, 3, h, w) of 0-255 -> (n, width) of the trunk, standardised."""
        x = (picture.float() - self.mean) / self.std
        found = self.trunk(x.contiguous(memory_format=torch.channels_last))
        return (found - self.centre) / self.spread


class Embedder(nn.Module):
    """The image network up to its embedding, called as `fusion.networks.training.logits` calls networks."""

    def __init__(self, image: ImageNetwork) -> None:
        super().__init__()
        self.image = image

    def forward(self, batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        """One (n, width) tensor."""
        return [self.image.embed(batch["picture"])]
