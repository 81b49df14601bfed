"""Embedding of a cover by a network pretrained on ImageNet."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.features.networks import torch_models
from coverfusion.features.networks.checkpoint import weights_for
from coverfusion.features.networks.lite import (
    LITE,
    LITE_WIDTH,
    Lite,
    load_lite,
    normalised,
    stage_widths,
)
from coverfusion.features.networks.openvino import batches
from coverfusion.features.registry import BlockExtractor, register
from coverfusion.features.weights import Weights

_PACKAGED = "efficientnet-lite0"
_HUB = "resnet50"
_CPU_BATCH = 4  # fills two cores with a network this size
_GPU_BATCH = 64


@register("cnn")
class Cnn(BlockExtractor):
    """The last features before the classifier, averaged over the picture.

    EfficientNet-Lite sees the whole cover squashed to a square, in 32-bit floats, normalised as it was
    trained ((x - 127) / 128, Google's `efficientnet_lite_builder.py`). Models of torchvision and timm run in
    torch, and are given their library's own evaluation transform.

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

    version = "2"  # OpenVINO; large pictures are reduced in two steps

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
        if not len(images):
            return np.empty((0, self._width), np.float32)
        if self._is_lite:
            return np.stack([getattr(outputs, self.layers) for outputs in self._lite(images)])
        return self._embed(images)

    def plain(self) -> Callable[[Image], np.ndarray]:
        """The plain use of the same library with the same weights: one picture, as its README shows.

        Returns:
            A function from one picture to its (d,) embedding.
        """
        import torch

        if not self._is_lite:
            return lambda image: self._embed([image])[0]
        lite, module = self._lite, self._lite.module()
        which = 1 if self.layers == "stages" else 0

        def embed(image: Image) -> np.ndarray:
            with torch.no_grad():
                return module(torch.from_numpy(normalised(lite.prepare([image]))))[which][0].numpy()

        return embed

    def differences(self, plain: Sequence[np.ndarray], values: np.ndarray, notes: object) -> str:
        """How far the embeddings are from those of `plain`, in words."""
        expected = np.stack(plain)
        furthest = np.abs(values - expected).max() / np.abs(expected).max()
        return f"embeddings within {furthest:.1e} of the largest value"

    def matrix_work(self, images: Sequence[Image]) -> tuple[str, float, float]:
        """The network on these pictures: its name, floating-point operations, and seconds."""
        from torch.utils.flop_counter import FlopCounterMode

        plain = self.plain()
        with FlopCounterMode(display=False) as counter:
            plain(images[0])
        work: Callable[[], object]
        if self._is_lite:
            work = functools.partial(self._lite.compute, self._lite.prepare(images))
        else:
            work = functools.partial(self._embed, images)
        started = time.perf_counter()
        work()
        return self.model, counter.get_total_flops() * len(images), time.perf_counter() - started

    @property
    def _is_lite(self) -> bool:
        return self.model in LITE

    @functools.cached_property
    def _named(self) -> torch_models.NamedModel:
        return torch_models.find_model(self.model)

    @functools.cached_property
    def _width(self) -> int:
        if self.layers == "stages":
            return 2 * sum(stage_widths(self.model))
        return LITE_WIDTH if self._is_lite else torch_models.width_of(self._named, self.image_size)

    @functools.cached_property
    def _lite(self) -> Lite:
        path, digest = self._weight_file()
        return load_lite(self.model, path, digest, self.image_size or LITE[self.model][0])

    @functools.cached_property
    def _embed(self) -> Callable[[Sequence[Image]], np.ndarray]:
        """A torchvision or timm model: from pictures to their embeddings."""
        import torch

        network = torch_models.load_model(self._named, self._weight_file()[0])
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = network.to(device, memory_format=torch.channels_last)
        transform = torch_models.transform_of(self._named, self.image_size)

        def embed(images: Sequence[Image]) -> np.ndarray:
            found = []
            for some in batches(images, _CPU_BATCH if device == "cpu" else _GPU_BATCH):
                stack = torch.stack([transform(image.convert("RGB")) for image in some]).to(device)
                with torch.inference_mode():
                    found.append(network(stack.contiguous(memory_format=torch.channels_last)))
            return torch.cat(found).float().cpu().numpy()

        return embed

    def _weight_file(self) -> tuple[Path, str]:
        """The path and the digest of the weights."""
        (weights,) = self.weights()
        if weights.path is None or not weights.ready():
            raise UserError(f"cnn: {weights.name} is not here: {weights.how_to_get}.")
        return weights.path, weights.digest()
