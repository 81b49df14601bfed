"""Embedding of a cover by a network pretrained on ImageNet."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image, Resampling

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.features.networks import lite, torch_models
from coverfusion.features.networks.checkpoint import weights_for
from coverfusion.features.networks.lite import LITE, LITE_WIDTH
from coverfusion.features.registry import BlockExtractor, register
from coverfusion.features.weights import Weights

_PACKAGED = "efficientnet-lite0"
_HUB = "resnet50"
# a network this size fills two cores with a few pictures
_CPU_BATCH = 4
_GPU_BATCH = 64


@register("cnn")
class Cnn(BlockExtractor):
    """The last features before the classifier, averaged over the picture.

    EfficientNet-Lite sees the whole cover squashed to a square, in 32-bit floats, normalised as it was
    trained ((x - 127) / 128, Google's `efficientnet_lite_builder.py`). Models of torchvision and timm are
    given their library's own evaluation transform.

    Args:
        preset: "packaged" takes EfficientNet-Lite0, "hub" torchvision's ResNet50, where no model is named.
        model: "efficientnet-lite0", "-lite1" or "-lite2" (each has a weight package of its own), or the
            name of any torchvision or timm classification model ("timm/resnet50" where both have the name).
        checkpoint: a local weight file of that model; its classifier, if any, is left out.
        image_size: the side in pixels that the network sees; None is the model's own.
        layers: "final", the features before the classifier, or "stages" (EfficientNet-Lite alone), mean and
            spread of the channels of each stage: style as Gatys et al. (2016) read it from such statistics.
            None takes the stages of EfficientNet-Lite and the final features of all other models. On real
            covers (5 genres, 5 grouped folds, one SVC) the stages tell 0.424 right, the final features 0.392.

    Raises:
        UserError: the packaged preset with a model that would have to be downloaded.
        ValueError: an `image_size` below 32, unknown layers, or stages of another model.
    """

    def __init__(
        self,
        preset: str = "packaged",
        model: str | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        image_size: int | None = None,
        layers: str | None = None,
    ) -> None:
        if image_size is not None and image_size < 32:
            raise ValueError("image_size must be at least 32 pixels.")
        self.preset = preset
        self.model = model or (_PACKAGED if preset == "packaged" else _HUB)
        self.checkpoint = None if checkpoint is None else os.fspath(checkpoint)
        self.image_size = image_size
        self.layers = layers or ("stages" if self._is_lite else "final")
        if self.layers not in ("final", "stages") or (self.layers == "stages" and not self._is_lite):
            raise ValueError("layers must be 'final' or, with an EfficientNet-Lite, 'stages'.")
        if preset == "packaged" and checkpoint is None and self.model not in LITE:
            raise UserError(
                f"cnn: no package brings weights for '{self.model}': set preset to 'hub', or name a local "
                f"checkpoint.{did_you_mean(self.model, LITE)}"
            )

    @property
    def columns(self) -> Sequence[str]:
        """`embedding_0000`, `embedding_0001`, ..."""
        return [f"embedding_{i:04d}" for i in range(self._width)]

    def describe(self) -> Mapping[str, str]:
        """The embedding is one entry."""
        if self.layers == "stages":
            return {"embedding_*": f"mean and spread of each channel of {self.model}'s stages; no unit"}
        return {
            "embedding_*": f"average-pooled features of {self.model} before its classifier; no unit, "
            + ("0-6" if self._is_lite else "any number")
        }

    def weights(self) -> Sequence[Weights]:
        """The network's one weight file."""
        return [weights_for(self.model, self.checkpoint)]

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        """(n, d) float32 for n RGB pictures.

        Raises:
            UserError: the weights are not here, or are another model's.
        """
        import torch

        embedding = np.empty((len(images), self._width), np.float32)
        if not len(images):
            return embedding
        network, prepare, batch = self._loaded
        with torch.inference_mode():
            for start in range(0, len(images), batch):
                some = prepare([image.convert("RGB") for image in images[start : start + batch]])
                embedding[start : start + batch] = network(some).float().cpu().numpy()
        return embedding

    def plain(self) -> Callable[[Image], np.ndarray]:
        """The plain use of the same library with the same weights: one picture, as its README shows.

        Returns:
            A function from one picture to its (d,) embedding.
        """
        import torch

        network, prepare, _ = self._loaded
        if self._is_lite:
            model = lite.plain_model(self.model, self._weights_path)
            network = lite.plain_features(model, self.layers == "stages")

        def embed(image: Image) -> np.ndarray:
            with torch.no_grad():
                return network(prepare([image]).contiguous())[0].numpy()

        return embed

    def differences(self, plain: Sequence[np.ndarray], values: np.ndarray, notes: object) -> str:
        """How far the embeddings are from those of `plain`, in words."""
        expected = np.stack(plain)
        furthest = np.abs(values - expected).max() / np.abs(expected).max()
        return f"embeddings within {furthest:.1e} of the largest value"

    def matrix_work(self, images: Sequence[Image]) -> tuple[str, float, float]:
        """The network alone on these pictures: its name, floating-point operations, and seconds."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        network, prepare, batch = self._loaded
        batches = [prepare(list(images[start : start + batch])) for start in range(0, len(images), batch)]
        plain = self.plain()
        with FlopCounterMode(display=False) as counter:
            plain(images[0])
        with torch.inference_mode():
            started = time.perf_counter()
            for one in batches:
                network(one)
            seconds = time.perf_counter() - started
        return self.model, counter.get_total_flops() * len(images), seconds

    @property
    def _weights_path(self) -> Path:
        (weights,) = self.weights()
        if weights.path is None or not weights.ready():
            raise UserError(f"cnn: {weights.name} is not here: {weights.how_to_get}.")
        return weights.path

    @property
    def _is_lite(self) -> bool:
        return self.model in LITE

    @functools.cached_property
    def _named(self) -> torch_models.NamedModel:
        return torch_models.find_model(self.model)

    @functools.cached_property
    def _width(self) -> int:
        if self.layers == "stages":
            return 2 * sum(lite.stage_widths(self.model))
        return LITE_WIDTH if self._is_lite else torch_models.width_of(self._named, self.image_size)

    @functools.cached_property
    def _loaded(self) -> tuple[Callable[[Any], Any], Callable[[list[Image]], Any], int]:
        """The network, what makes its input of pictures, and the batch."""
        import torch

        path = self._weights_path
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if self._is_lite:
            size = self.image_size or LITE[self.model][0]
            batch = lite.CPU_BATCH if device == "cpu" else _GPU_BATCH
            network = lite.LiteNetwork(self.model, path, device)
            chosen = network.stages if self.layers == "stages" else network
            return chosen, functools.partial(_squash, size), batch
        network = torch_models.load_model(self._named, path)
        network = network.to(device, memory_format=torch.channels_last)
        transform = torch_models.transform_of(self._named, self.image_size)

        def prepare(images: list[Image]) -> Any:
            stack = torch.stack([transform(image) for image in images])
            return stack.to(device, memory_format=torch.channels_last)

        return network, prepare, _CPU_BATCH if device == "cpu" else _GPU_BATCH


def _squash(size: int, images: list[Image]) -> Any:
    """(n, 3, size, size) float32 in channels-last order, as (x - 127) / 128."""
    import torch

    pixels = np.stack([np.asarray(image.resize((size, size), Resampling.BICUBIC)) for image in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().sub_(127).div_(128)
