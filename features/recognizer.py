"""EasyOCR's letter recognizer, quicker on CPUs when many boxes come together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def fast_recognizer(model: Any) -> nn.Module:
    """EasyOCR's recognizer with quicker features; the same letters for each box, alone or in a batch.

    EasyOCR quantizes the recurrent layers on CPUs: they round activations to 128 steps between the extremes
    of the whole batch, so that a text would depend on its neighbours. They therefore still run box by box.
    """
    import torch
    from easyocr.model.modules import VGG_FeatureExtractor
    from torch import nn

    if isinstance(model.FeatureExtraction, VGG_FeatureExtractor):
        model.FeatureExtraction = _fast_features(model.FeatureExtraction.ConvNet)

    class OneByOne(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.inner(x[k : k + 1]) for k in range(len(x))])

    model.SequenceModeling = OneByOne(model.SequenceModeling)
    model.Prediction = OneByOne(model.Prediction)
    return model


def _fast_features(layers: Any) -> nn.Module:
    """The same features: batch norms folded, channels last, Winograd where channels are many."""
    import torch
    from torch import nn

    from features.winograd import DirectConv, WinogradConv, folded, to_planes, to_rows

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
