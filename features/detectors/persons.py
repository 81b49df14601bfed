"""Persons by any torchvision detection model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.features.detectors.coco import LABELS, PERSON
from coverfusion.features.weights import Weights

if TYPE_CHECKING:
    import torch


def torchvision_weights(name: str, checkpoint: str | None) -> list[Weights]:
    """A torchvision detection model's COCO weights, or a local state dict in their place.

    Raises:
        UserError: torchvision has no detection model of that name.
    """
    if checkpoint is not None:
        return [
            Weights(
                name=f"{name}, local checkpoint",
                source=checkpoint,
                licence="its owner's",
                megabytes=_megabytes(Path(checkpoint)),
                path=Path(checkpoint),
                how_to_get=f"put a torchvision state dict of {name} at {checkpoint}",
            )
        ]
    import torch
    from torchvision.models import get_model_weights

    _check_name(name)
    published = get_model_weights(name)["COCO_V1"]
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(published.url).name
    return [
        Weights(
            name=f"{name} COCO_V1",
            source="torchvision",
            licence="BSD-3-Clause (torchvision)",
            megabytes=published.meta["_file_size"],
            path=path,
            how_to_get="coverfusion weights fetch --preset hub",
            fetch=partial(published.get_state_dict, progress=True, check_hash=True),
        )
    ]


def load_torchvision(name: str, weights: list[Weights]) -> torch.nn.Module:
    """A torchvision detection model with the state dict that `weights` names.

    Raises:
        UserError: there is no model of that name, or the file does not hold its state dict.
    """
    import torch
    from torchvision.models import get_model

    _check_name(name)
    model = get_model(name, weights=None, weights_backbone=None, num_classes=LABELS)
    try:
        model.load_state_dict(torch.load(str(weights[0].path), map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        reason = str(error).splitlines()[0]
        raise UserError(f"{weights[0].path} does not hold the weights of {name}: {reason}") from error
    return model.eval()


def detect_torchvision(model: torch.nn.Module, image: Image) -> np.ndarray:
    """(n, 5) float32: left, top, right, bottom in px and confidence 0..1 of persons, most confident first."""
    import torch
    from torchvision.transforms.functional import pil_to_tensor

    with torch.inference_mode():
        detections: dict[str, Any] = model([pil_to_tensor(image).float() / 255])[0]
    persons = detections["labels"] == PERSON
    return torch.cat([detections["boxes"], detections["scores"][:, None]], dim=1)[persons].numpy()


def _check_name(name: str) -> None:
    from torchvision.models import detection, list_models

    known = [n for n in list_models(module=detection) if "keypoint" not in n and "mask" not in n]
    if name not in known:
        raise UserError(f"people: torchvision has no detection model '{name}'.{did_you_mean(name, known)}")


def _megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1) if path.is_file() else 0.0
