"""EasyOCR's letter recognizer, quicker on CPUs when many boxes come together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def fast_recognizer(model: Any) -> nn.Module:
    """EasyOCR's recognizer with quicker features; the same letters."""
    from easyocr.model.modules import VGG_FeatureExtractor

    if isinstance(model.FeatureExtraction, VGG_FeatureExtractor):
        model.FeatureExtraction = _fast_features(model.FeatureExtraction.ConvNet)
    return model


def _fast_features(layers: Any) -> nn.Module:
    """The same features: batch norms folded, channels last, Winograd where channels are many."""
    import torch
    from torch import nn

    from coverfusion.features.text.winograd import DirectConv, WinogradConv, folded, to_planes, to_rows

    steps: list[Any] = []
    for layer, following in zip(layers, [*layers[1:], nn.Identity()], strict=True):
        if isinstance(layer, nn.Conv2d):
            norm = following if isinstance(following, nn.BatchNorm2d) else None
            weight, bias = folded(layer, norm) if norm else _own(layer)
            if layer.kernel_size == (3, 3) and layer.in_channels >= 128:
                steps.append(WinogradConv(weight, bias))
            else:
                steps.append(DirectConv(weight, bias, int(layer.padding[0])))
        elif not isinstance(layer, nn.BatchNorm2d):
            steps.append(layer)

    class Features(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = x.contiguous(memory_format=torch.channels_last)
            for step in steps:
                if isinstance(step, WinogradConv):
                    pixels, shape = to_rows(x)
                    x = to_planes(step(pixels, shape), shape)
                else:
                    x = step(x)
            return x

    return Features()


def _own(conv: Any) -> tuple[Tensor, Tensor]:
    return conv.weight.detach(), conv.bias.detach()
