"""EfficientNet-Lite for inference: batch norms folded into the convolutions, one fused operation a layer."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coverfusion.data.errors import UserError

# Larger batches leave the cache of a desktop CPU: 2 was the fastest of 1, 2, 4, 8, 16, 32 (Skylake, 2 cores).
CPU_BATCH = 2


# name -> (side in pixels, MB of its weight file)
LITE = {
    "efficientnet-lite0": (224, 18.8),
    "efficientnet-lite1": (240, 21.9),
    "efficientnet-lite2": (260, 24.7),
}
LITE_WIDTH = 1280


@dataclass
class _Convolution:
    """One convolution with its batch norm folded in; `packed` keeps the weights in oneDNN's own layout."""

    weight: Any
    bias: Any
    stride: int
    groups: int
    relu6: bool
    packed: dict[tuple[int, ...], Any] = field(default_factory=dict)


@dataclass
class _Block:
    """An inverted residual: convolutions, the input added to the last one where `residual`."""

    convolutions: list[_Convolution]
    residual: bool


class LiteNetwork:
    """EfficientNet-Lite up to its pooled features.

    The architecture and the weights are `efficientnet_lite_pytorch`'s (a port of Google's EfficientNet-Lite,
    Tan and Le 2019); the features equal its `extract_features(x).mean((2, 3))` up to rounding.

    Args:
        name: "efficientnet-lite0", "-lite1" or "-lite2".
        path: the matching `.pth` file.
        device: a torch device name.

    Raises:
        UserError: the file holds something else.
    """

    def __init__(self, name: str, path: Path, device: str = "cpu") -> None:
        import torch

        model = plain_model(name, path).to(device)
        self.device = device
        # what torch.compile itself calls on CPUs; absent in builds without oneDNN
        self._fused = device == "cpu" and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
        self._stem = _fold(model._conv_stem, model._bn0, relu6=True)
        self._blocks = [_fold_block(block) for block in model._blocks]
        self._head = _fold(model._conv_head, model._bn1, relu6=True)

    def __call__(self, x: Any) -> Any:
        """(n, 3, height, width) normalised float32 tensor -> (n, 1280) float32 tensor."""
        import torch

        with torch.inference_mode():
            return self._convolve(self._outputs(x)[-1], self._head).mean((2, 3))

    def stages(self, x: Any) -> Any:
        """As `__call__`, but (n, d): mean and spread of the channels of each stage, as `pooled_stages`."""
        import torch

        with torch.inference_mode():
            return pooled_stages(self._outputs(x))

    def _outputs(self, x: Any) -> list[Any]:
        """What each block gives."""
        import torch

        x = x.to(self.device).contiguous(memory_format=torch.channels_last)
        x = self._convolve(x, self._stem)
        outputs = []
        for block in self._blocks:
            skip = x if block.residual else None
            for convolution in block.convolutions[:-1]:
                x = self._convolve(x, convolution)
            x = self._convolve(x, block.convolutions[-1], skip)
            outputs.append(x)
        return outputs

    def _convolve(self, x: Any, layer: _Convolution, skip: Any = None) -> Any:
        size = x.shape[2]
        padding = padding_of(layer.weight.shape[2], layer.stride, size)
        if self._fused:
            y = _fused_convolution(x, layer, padding, skip)
        else:
            y = _plain_convolution(x, layer, padding, skip)
        if layer.stride == 1:
            return y
        end = 1 - (-size // layer.stride)
        return y[:, :, 1:end, 1:end]


def plain_model(name: str, path: Path | None) -> Any:
    """The package's own model in eval mode, without its classifier.

    Args:
        name: as for `LiteNetwork`.
        path: of its weights; None leaves them random.

    Raises:
        UserError: the file holds something else.
    """
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    with contextlib.redirect_stdout(io.StringIO()):
        model = EfficientNet.from_name(name)
    model._fc = torch.nn.Identity()
    if path is not None:
        _load(model, path, name)
    return model.eval()


def pooled_stages(outputs: list[Any], eps: float = 0.0) -> Any:
    """(n, d) from the outputs of all blocks: for each stage its channels' means, then their spreads.

    A stage is a run of blocks with equally many channels; d is twice the sum of `stage_widths`.

    Args:
        outputs: (n, channels, height, width) of each block.
        eps: added to the variance before its root is taken.
    """
    import torch

    widths = [output.shape[1] for output in outputs]
    following = [*widths[1:], 0]
    ends = [o for o, width, after in zip(outputs, widths, following, strict=True) if width != after]
    parts = [
        part for end in ends for part in (end.mean((2, 3)), (end.var((2, 3), correction=0) + eps).sqrt())
    ]
    return torch.cat(parts, dim=1)


def plain_features(model: Any, stages: bool) -> Callable[[Any], Any]:
    """What `LiteNetwork` gives, by the package's own model and its own forward pass."""
    if not stages:
        return lambda x: model.extract_features(x).mean((2, 3))
    outputs: list[Any] = []
    for block in model._blocks:
        block.register_forward_hook(lambda module, given, output: outputs.append(output))

    def pooled(x: Any) -> Any:
        outputs.clear()
        model.extract_features(x)
        return pooled_stages(outputs)

    return pooled


def stage_widths(name: str) -> list[int]:
    """The channels of each stage's output, first to last; no weights are needed."""
    from efficientnet_lite_pytorch import EfficientNet

    with contextlib.redirect_stdout(io.StringIO()):
        blocks = EfficientNet.from_name(name)._blocks
    return list(dict.fromkeys(block._block_args.output_filters for block in blocks))


def _load(model: Any, path: Path, name: str) -> None:
    """Fills the model from a `.pth` file, but for the classifier, which may have any number of classes."""
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict({key: value for key, value in state.items() if not key.startswith("_fc.")})
    except Exception as error:  # torch and pickle raise many kinds for a file that is something else
        raise UserError(f"{path} is not a checkpoint of {name}: {error}") from error


def padding_of(kernel: int, stride: int, size: int) -> int:
    """TensorFlow's "same" padding, which is uneven where the stride is 2, as even padding.

    Even padding by the uneven left side plus one stride reads the same windows, one row and column later,
    without a padded copy of the input; the caller drops what is before and after.
    """
    if stride == 1:
        return kernel // 2
    left = max((-(-size // stride) - 1) * stride + kernel - size, 0) // 2
    return left + stride


def _fused_convolution(x: Any, layer: _Convolution, padding: int, skip: Any) -> Any:
    import torch

    key = (padding, *x.shape)
    if key not in layer.packed:
        layer.packed[key] = torch.ops.mkldnn._reorder_convolution_weight(
            layer.weight, [padding] * 2, [layer.stride] * 2, [1, 1], layer.groups, list(x.shape)
        )
    geometry = ([padding] * 2, [layer.stride] * 2, [1, 1], layer.groups)
    weight = layer.packed[key]
    convolve = torch.ops.mkldnn._convolution_pointwise
    if skip is not None:
        return convolve.binary(x, skip, weight, layer.bias, *geometry, "add", 1.0, None, [], None)
    activation: tuple[str, list[float]] = ("hardtanh", [0.0, 6.0]) if layer.relu6 else ("none", [])
    return convolve(x, weight, layer.bias, *geometry, *activation, "")


def _plain_convolution(x: Any, layer: _Convolution, padding: int, skip: Any) -> Any:
    from torch.nn import functional

    y = functional.conv2d(x, layer.weight, layer.bias, layer.stride, padding, 1, layer.groups)
    if layer.relu6:
        y = functional.hardtanh_(y, 0.0, 6.0)
    return y if skip is None else y.add_(skip)


def _fold(convolution: Any, norm: Any, relu6: bool) -> _Convolution:
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    folded, bias = fuse_conv_bn_weights(
        convolution.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    weight = folded.detach().contiguous(memory_format=torch.channels_last)
    return _Convolution(weight, bias.detach(), convolution.stride[0], convolution.groups, relu6)


def _fold_block(block: Any) -> _Block:
    convolutions = []
    if block._block_args.expand_ratio != 1:
        convolutions.append(_fold(block._expand_conv, block._bn0, relu6=True))
    convolutions.append(_fold(block._depthwise_conv, block._bn1, relu6=True))
    convolutions.append(_fold(block._project_conv, block._bn2, relu6=False))
    arguments = block._block_args
    residual = (
        arguments.id_skip
        and arguments.stride in (1, [1])
        and arguments.input_filters == arguments.output_filters
    )
    return _Block(convolutions, residual)
