"""Image networks to train: any of torchvision or timm, or EfficientNet-Lite, cut into stages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverfusion.data.errors import UserError
from coverfusion.features.networks import torch_models
from coverfusion.features.networks.checkpoint import weights_for
from coverfusion.features.networks.lite import LITE
from coverfusion.features.networks.lite_trunk import LiteTrunk

MAX_PARTS_TO_OPEN = 3  # parts of a network that has more are stages already


@dataclass(frozen=True)
class Backbone:
    """A network without its classifier.

    Attributes:
        trunk: torch module, (n, 3, size, size) normalised -> (n, width).
        stages: names of its parts (prefixes of parameter names), from the picture to the answer.
        width: of its output.
        size: the side in pixels that it was trained with.
        mean, std: of the three channels, 0-1, by which pictures are normalised.
    """

    trunk: Any
    stages: list[list[str]]
    width: int
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def load_backbone(
    name: str, checkpoint: str | None = None, pretrained: bool = True, layers: str | None = None
) -> Backbone:
    """A network by name, with the weights that the `cnn` block would take.

    Args:
        name: "efficientnet-lite0" (packaged), or any torchvision or timm classification model.
        checkpoint: a local weight file of it; None: packaged, or fetched ahead by `coverfusion weights`.
        pretrained: False leaves the weights random, to be filled from a saved classifier.
        layers: "final" or "stages", as of the `cnn` block; None: the stages of EfficientNet-Lite, the final
            features of all other networks.

    Raises:
        UserError: no such network, weights that are not here, or a file of another network.
        ValueError: unknown layers, or stages of another network.
    """
    layers = layers or ("stages" if name in LITE else "final")
    if layers not in ("final", "stages") or (layers == "stages" and name not in LITE):
        raise ValueError("layers must be 'final' or, with an EfficientNet-Lite, 'stages'")
    path = _weights(name, checkpoint) if pretrained else None
    if name in LITE:
        trunk = LiteTrunk(name, path, layers)
        return Backbone(trunk, trunk.stages(), trunk.width, LITE[name][0], (127 / 255,) * 3, (128 / 255,) * 3)
    model = torch_models.find_model(name)
    network = torch_models.headless(model) if path is None else torch_models.load_model(model, path)
    mean, std = torch_models.normalisation(model)
    size = torch_models.own_size(model)
    return Backbone(network, stages_of(network), torch_models.width_of(model, None), size, mean, std)


def stages_of(network: Any) -> list[list[str]]:
    """The parts of a network that follow one another, as lists of module or parameter names.

    The children in their order; where they are few, the largest (`features`, `encoder`) is replaced by its
    own children. Each part that has parts itself is a stage; a single layer or parameter belongs to the
    stage before it, and those before the first stage (a stem's convolution and norm) are one of their own.

    Args:
        network: a torch module.
    """
    stages: list[list[str]] = []
    for name, long in _parts("", network):
        if long or not stages:
            stages.append([name])
        else:
            stages[-1].append(name)
    return stages


def _parts(prefix: str, module: Any) -> list[tuple[str, bool]]:
    """(name, whether it has parts itself) of what follows one another in `module` and has parameters."""
    parts = [(prefix + name, False) for name, _ in module.named_parameters(recurse=False)]
    sizes = {name: sum(p.numel() for p in child.parameters()) for name, child in module.named_children()}
    # a norm with its activation inside (timm's) has children, but none with parameters
    long = [n for n, child in module.named_children() if any(list(c.parameters()) for c in child.children())]
    inside = max(long, key=sizes.__getitem__) if 0 < len(long) <= MAX_PARTS_TO_OPEN else None
    for name, child in module.named_children():
        if name == inside:
            parts += _parts(f"{prefix}{name}.", child)
        elif sizes[name]:
            parts.append((prefix + name, name in long))
    return parts


def _weights(name: str, checkpoint: str | None) -> Path:
    weights = weights_for(name, checkpoint)
    if weights.path is None or not weights.ready():
        raise UserError(f"backbone '{name}': {weights.name} is not here: {weights.how_to_get}.")
    return weights.path
