"""The CRAFT text detector of EasyOCR, several times faster on CPUs and with the same scores.

Baek et al., "Character Region Awareness for Text Detection" (CVPR 2019). Same weights, same sums, another
order: batch norms folded into the convolutions, neighbouring linear layers merged into one, upsampling after
the 1x1 convolution that follows it (both are linear), Winograd convolutions wherever channels are many, and
pixels kept as rows (channels last) from end to end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.winograd import Shape, WinogradConv, rows

if TYPE_CHECKING:
    from torch import Tensor, nn


class FastCraft:
    """CRAFT's two score maps on a CPU.

    Args:
        net: `easyocr.craft.CRAFT` with its weights, in eval mode, on the CPU.
    """

    def __init__(self, net: nn.Module) -> None:
        base = [layer for k in range(1, 5) for layer in getattr(net.basenet, f"slice{k}")]
        convs = [_folded(base[k], base[k + 1]) for k in (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37)]
        self.conv1_1, self.conv1_2, self.conv2_1 = (_Direct(*c) for c in convs[:3])
        self.deep = [WinogradConv(*c) for c in convs[3:]]
        ups = [getattr(net, f"upconv{k}").conv for k in range(1, 5)]
        self.mixes = [_folded(up[0], up[1]) for up in ups]
        wide = [_folded(up[3], up[4]) for up in ups]
        self.up1, self.up2 = (WinogradConv(*c) for c in wide[:2])
        self.up3, self.up4 = (_Direct(*c) for c in wide[2:])
        self.head = [_Direct(layer.weight.detach(), layer.bias.detach()) for layer in net.conv_cls[::2]]
        self.context = WinogradConv(*_context(net.basenet.slice5, self.mixes[0]), dilation=6)
        self.mixes = [(w.flatten(1).t().contiguous(), b) for w, b in self.mixes]

    def __call__(self, canvases: Tensor) -> Tensor:
        """Scores of a batch of canvases of one size.

        Args:
            canvases: (n, 3, height, width) float32, normalised as EasyOCR does, sides multiples of 32.

        Returns:
            (n, height / 2, width / 2, 2) float32: how much each pixel is text, and a link between letters.
        """
        import torch

        # the shallow, large layers one picture at a time: their pixels are many, their weights few
        shallow = [self._conv2(canvas[None]) for canvas in canvases]
        n, height, width = len(canvases), canvases.shape[2], canvases.shape[3]
        shapes = [Shape(n, height // k, width // k) for k in (2, 4, 8, 16)]
        pooled = torch.cat([p for _, p in shallow])
        x = rows(shapes[1], pooled.shape[1])
        x[:-1] = pooled
        skip2 = _relu(self.deep[2](_relu(self.deep[1](x, shapes[1])), shapes[1]))
        x = _pool(_relu(self.deep[3](skip2, shapes[1])), shapes[1])
        skip3 = _relu(self.deep[5](_relu(self.deep[4](x, shapes[2])), shapes[2]))
        x = _pool(_relu(self.deep[6](skip3, shapes[2])), shapes[2])
        skip4 = self.deep[8](_relu(self.deep[7](x, shapes[3])), shapes[3])  # no ReLU here in the original

        y = self.context(_pool3(skip4, shapes[3]), shapes[3])
        y[:-1].addmm_(skip4[:-1], self.mixes[0][0][1024:])
        y = _relu(self.up1(_relu(y), shapes[3]))
        y = _relu(self.up2(self._mix(1, y, skip3, shapes[3]), shapes[2]))
        y = self._mix(2, y, skip2, shapes[2])
        wide = _relu(self.up3(_planes(y, shapes[1])))
        scores = [self._scores(wide[k : k + 1], skip) for k, (skip, _) in enumerate(shallow)]
        return torch.cat(scores).permute(0, 2, 3, 1)

    def _conv2(self, canvas: Tensor) -> tuple[Tensor, Tensor]:
        """conv1_1 to conv2_2 of one canvas, and the same pooled, both as rows."""
        import torch

        canvas = canvas.contiguous(memory_format=torch.channels_last)
        x = self.conv1_2(_relu(self.conv1_1(canvas)))
        x = _relu(self.conv2_1(_relu(torch.max_pool2d(x, 2))))
        shape = Shape(1, x.shape[2], x.shape[3])
        skip = _relu(self.deep[0](_rows(x, shape), shape))
        return skip, _pool(skip, shape)[:-1]

    def _mix(self, k: int, y: Tensor, skip: Tensor, shape: Shape) -> Tensor:
        """relu(conv1x1(cat(upsampled y, skip))), the 1x1 convolution of y taken before it grows fourfold."""
        import torch

        weight, bias = self.mixes[k]
        low = torch.mm(y[:-1], weight[: y.shape[1]])
        grown = torch.nn.functional.interpolate(_planes(low, shape), scale_factor=2, mode="bilinear")
        big = Shape(shape.n, shape.height * 2, shape.width * 2)
        out = rows(big, weight.shape[1])
        torch.addmm(bias, skip[:-1], weight[y.shape[1] :], out=out[:-1])
        out[:-1] += grown.permute(0, 2, 3, 1).reshape(big.pixels, -1)
        return _relu(out)

    def _scores(self, wide: Tensor, skip: Tensor) -> Tensor:
        """The last, large layers for one picture."""
        shape = Shape(1, wide.shape[2], wide.shape[3])
        y = self._mix(3, _rows(wide, shape), skip, shape)
        x = _relu(self.up4(_planes(y, Shape(1, shape.height * 2, shape.width * 2))))
        for layer in self.head[:-1]:
            x = _relu(layer(x))
        return self.head[-1](x)


class _Direct:
    """A convolution with few channels, which oneDNN does well as it is."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        import torch

        self.weight, self.bias = weight.contiguous(memory_format=torch.channels_last), bias
        self.padding = weight.shape[2] // 2

    def __call__(self, x: Tensor) -> Tensor:
        import torch

        return torch.conv2d(x, self.weight, self.bias, padding=self.padding)


def _folded(conv: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of `norm(conv(x))` as one convolution."""
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return weight.detach(), bias.detach()


def _context(slice5: nn.Module, mix: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The dilated 3x3 (512 to 1024), the 1x1 (1024 to 1024) and its half of the first mix (1024 to 512) in one.

    There is nothing but sums between the three, so they are one 3x3 convolution from 512 to 512.
    """
    import torch

    wide, square = slice5[1], slice5[2]
    mix_weight, mix_bias = mix[0].flatten(1).double(), mix[1].double()
    line = mix_weight[:, :1024] @ square.weight.detach().flatten(1).double()
    weight = torch.einsum("om,mikl->oikl", line, wide.weight.detach().double())
    bias = (
        line @ wide.bias.detach().double() + mix_weight[:, :1024] @ square.bias.detach().double() + mix_bias
    )
    return weight.float(), bias.float()


def _relu(x: Tensor) -> Tensor:
    return x.clamp_min_(0)


def _planes(pixels: Tensor, shape: Shape) -> Tensor:
    """Rows as (n, channels, height, width), channels last; a view."""
    return pixels[: shape.pixels].view(shape.n, shape.height, shape.width, -1).permute(0, 3, 1, 2)


def _rows(planes: Tensor, shape: Shape) -> Tensor:
    """(n, channels, height, width) as rows with the zero row behind them; a copy."""
    out = rows(shape, planes.shape[1])
    out[:-1] = planes.permute(0, 2, 3, 1).reshape(shape.pixels, -1)
    return out


def _pool(pixels: Tensor, shape: Shape) -> Tensor:
    """2x2 max pooling, rows to rows."""
    import torch

    half = Shape(shape.n, shape.height // 2, shape.width // 2)
    return _rows(torch.max_pool2d(_planes(pixels, shape), 2), half)


def _pool3(pixels: Tensor, shape: Shape) -> Tensor:
    """3x3 max pooling at stride 1, rows to rows."""
    import torch

    return _rows(torch.max_pool2d(_planes(pixels, shape), 3, stride=1, padding=1), shape)
