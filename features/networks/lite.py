"""EfficientNet-Lite for inference: embedding, stages and classes of a picture in one pass."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL.Image import Image, Resampling

from coverfusion.features.networks import openvino as engine
from coverfusion.features.networks.remembered import Remembered
from coverfusion.features.pictures import thinned

if TYPE_CHECKING:
    import openvino

# name -> (side in pixels, MB of its weight file)
LITE = {
    "efficientnet-lite0": (224, 18.8),
    "efficientnet-lite1": (240, 21.9),
    "efficientnet-lite2": (260, 24.7),
}
LITE_WIDTH = 1280
_GPU_BATCH = 64


class Outputs(NamedTuple):
    """Of one picture, float32: (1280,) features, means and spreads of the stages' channels, logits."""

    final: np.ndarray
    stages: np.ndarray
    logits: np.ndarray


class Lite:
    """An EfficientNet-Lite that remembers its last pictures; make it by `load_lite`.

    The architecture and the weights are `efficientnet_lite_pytorch`'s (a port of Google's EfficientNet-Lite,
    Tan and Le 2019). On CPUs it runs by OpenVINO, on CUDA by torch.

    Args:
        name: "efficientnet-lite0", "-lite1" or "-lite2".
        path: the matching `.pth` file.
        digest: of that file.
        size: the side in pixels that the network sees.

    Raises:
        UserError: the file holds something else.
    """

    def __init__(self, name: str, path: Path, digest: str, size: int) -> None:
        self._name, self._path, self._size = name, path, size
        if engine.has_cuda():
            self._on_gpu = self.module().to("cuda")
            self.compute = self._compute_on_gpu
        else:
            kept = engine.converted(f"{name}-{size}", digest, self._convert)
            self._network = engine.Network(kept)
            self.compute = self._compute_on_cpu
        self._remembered = Remembered(self.compute)

    def __call__(self, images: Sequence[Image]) -> list[Outputs]:
        """What the network gives for each RGB picture."""
        return self._remembered(self.prepare(images))

    def prepare(self, images: Sequence[Image]) -> list[np.ndarray]:
        """(size, size, 3) uint8 arrays: each picture squashed to a square."""
        return engine.each(functools.partial(_squash, self._size), images)

    def module(self) -> Any:
        """The package's own network, a torch module that gives batches of `Outputs`."""
        from coverfusion.features.networks.lite_torch import LiteOutputs

        return LiteOutputs(self._name, self._path, self._size)

    def _convert(self) -> openvino.Model:
        return engine.from_torch(self.module(), (1, 3, self._size, self._size))

    def _compute_on_cpu(self, pixels: Sequence[np.ndarray]) -> list[Outputs]:
        return engine.each(lambda one: Outputs(*(o[0] for o in self._network(normalised([one])))), pixels)

    def _compute_on_gpu(self, pixels: Sequence[np.ndarray]) -> list[Outputs]:
        import torch

        found: list[Outputs] = []
        for some in engine.batches(pixels, _GPU_BATCH):
            with torch.inference_mode():
                outputs = self._on_gpu(torch.from_numpy(normalised(some)).to("cuda"))
            found += map(Outputs._make, zip(*(o.float().cpu().numpy() for o in outputs), strict=True))
        return found


@functools.lru_cache(4)
def load_lite(name: str, path: Path, digest: str, size: int) -> Lite:
    """One `Lite` for all who ask for the same: they share its memory of pictures."""
    return Lite(name, path, digest, size)


def normalised(pixels: Sequence[np.ndarray]) -> np.ndarray:
    """(n, 3, height, width) float32 of n uint8 pictures, as the network was trained: (x - 127) / 128."""
    x = np.stack(pixels).transpose(0, 3, 1, 2).astype(np.float32, order="C")
    x -= 127
    x /= 128
    return x


def stage_widths(name: str) -> list[int]:
    """The channels of each stage's output, first to last; no weights are needed."""
    if name == "efficientnet-lite2":
        return [16, 24, 48, 88, 120, 208, 352]
    return [16, 24, 40, 80, 112, 192, 320]


def _squash(size: int, image: Image) -> np.ndarray:
    small = thinned(image, size).convert("RGB").resize((size, size), Resampling.BICUBIC, reducing_gap=1.2)
    return np.asarray(small)
