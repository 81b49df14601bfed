"""EfficientNet-Lite to train: batch norms that keep their statistics are folded into the convolutions."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from coverfusion.features.networks.lite import LITE_WIDTH, stage_widths
from coverfusion.features.networks.lite_torch import plain_model, pooled_stages

EPS = 1e-6  # added to the variance of a channel: at 0 its root has no gradient


class LiteTrunk(nn.Module):
    """The network of `features.networks.lite` up to its pooled features, with gradients.

    Where a batch norm is in eval mode its statistics are numbers, so convolution and norm are one
    convolution, whose weight is still learnt through; that is a third of the time on a CPU.

    Args:
        name: "efficientnet-lite0", "-lite1" or "-lite2".
        path: its weight file; None leaves the weights random.
        layers: "final", the pooled features before the classifier, or "stages", as of the `cnn` block.

    Attributes:
        width: of what it gives.
    """

    def __init__(self, name: str, path: Path | None, layers: str = "final") -> None:
        super().__init__()
        self.model = plain_model(name, path)
        self.model._fc = nn.Identity()
        self.layers = layers
        self.width = LITE_WIDTH
        if layers == "stages":
            self.width = 2 * sum(stage_widths(name))
            self.model._conv_head = self.model._bn1 = nn.Identity()  # behind the last stage

    def stages(self) -> list[list[str]]:
        """The stem, the runs of blocks with equally many channels, and the head where it is used."""
        widths = [block._block_args.output_filters for block in self.model._blocks]
        runs = [[i for i, _ in run] for _, run in groupby(enumerate(widths), key=lambda pair: pair[1])]
        blocks = [[f"model._blocks.{i}" for i in run] for run in runs]
        head = [["model._conv_head", "model._bn1"]] if self.layers == "final" else []
        return [["model._conv_stem", "model._bn0"], *blocks, *head]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) normalised float32 -> (n, width)."""
        model = self.model
        x = _convolve(x, model._conv_stem, model._bn0, relu6=True)
        outputs = []
        for block in model._blocks:
            x = _inverted_residual(x, block)
            outputs.append(x)
        if self.layers == "stages":
            return pooled_stages(outputs, EPS)
        return _convolve(x, model._conv_head, model._bn1, relu6=True).mean((2, 3))


def _inverted_residual(x: torch.Tensor, block: Any) -> torch.Tensor:
    arguments = block._block_args
    y = x
    if arguments.expand_ratio != 1:
        y = _convolve(y, block._expand_conv, block._bn0, relu6=True)
    y = _convolve(y, block._depthwise_conv, block._bn1, relu6=True)
    y = _convolve(y, block._project_conv, block._bn2, relu6=False)
    same_shape = arguments.stride in (1, [1]) and arguments.input_filters == arguments.output_filters
    return y + x if arguments.id_skip and same_shape else y


def _convolve(x: torch.Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d, relu6: bool) -> torch.Tensor:
    kernel, stride, size = convolution.weight.shape[2], convolution.stride[0], x.shape[2]
    weight, bias = (convolution.weight, None) if norm.training else _folded(convolution, norm)
    y = functional.conv2d(x, weight, bias, stride, _padding_of(kernel, stride, size), 1, convolution.groups)
    if stride > 1:
        end = 1 - (-size // stride)
        y = y[:, :, 1:end, 1:end]
    if norm.training:
        y = norm(y)
    return functional.relu6(y) if relu6 else y


def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of one convolution that does what both do."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return convolution.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def _padding_of(kernel: int, stride: int, size: int) -> int:
    """TensorFlow's "same" padding, which is uneven where the stride is 2, as even padding.

    Even padding by the uneven left side plus one stride reads the same windows, one row and column later,
    without a padded copy of the input; the caller drops what is before and after.
    """
    if stride == 1:
        return kernel // 2
    left = max((-(-size // stride) - 1) * stride + kernel - size, 0) // 2
    return left + stride
