"""Fast 3x3 convolution on CPUs: Winograd's F(4x4, 3x3) as a handful of matrix products.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015). An output tile of 4x4 needs 36
products for each pair of channels where the direct way needs 144. Both transforms are one small matrix
product each, the middle one a batch of 36 large ones, so that BLAS does all the work.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

TILES_AT_A_TIME = 100
"""Tiles of one pass: few enough that the transformed tiles stay in the cache, enough for fast products."""


class Shape(NamedTuple):
    """Size of a batch of pictures: `n` pictures, `height` x `width` pixels."""

    n: int
    height: int
    width: int

    @property
    def pixels(self) -> int:
        """Pixels of the whole batch."""
        return self.n * self.height * self.width


class DirectConv:
    """A convolution with few channels, which oneDNN does well as it is; planes in, planes out.

    Args:
        weight: (out channels, in channels, rows, columns).
        bias: (out channels,).
        padding: zeros around the picture, in pixels.
    """

    def __init__(self, weight: Tensor, bias: Tensor, padding: int) -> None:
        import torch

        self.weight, self.bias = weight.contiguous(memory_format=torch.channels_last), bias
        self.padding = padding

    def __call__(self, planes: Tensor) -> Tensor:
        """(n, in channels, height, width) to (n, out channels, ...), channels last in memory."""
        import torch

        return torch.conv2d(planes, self.weight, self.bias, padding=self.padding)


class WinogradConv:
    """A 3x3 convolution, stride 1, padded with `dilation` zeros, on pixels stored as rows.

    Gives the numbers of `torch.nn.functional.conv2d` up to rounding (about 1e-5 of the largest value).

    Args:
        weight: (out channels, in channels, 3, 3).
        bias: (out channels,).
        dilation: distance between the taps, in pixels.
    """

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int = 1) -> None:
        import torch

        g = torch.tensor(
            [
                [1 / 4, 0, 0],
                [-1 / 6, -1 / 6, -1 / 6],
                [-1 / 6, 1 / 6, -1 / 6],
                [1 / 24, 1 / 12, 1 / 6],
                [1 / 24, -1 / 12, 1 / 6],
                [0, 0, 1],
            ],
            dtype=torch.float64,
        )
        spread = torch.einsum("ik,ockl,jl->ijco", g, weight.double(), g)
        self.kernels = spread.reshape(36, weight.shape[1], weight.shape[0]).float().contiguous()
        self.bias = bias.float()
        self.dilation = dilation

    def __call__(self, pixels: Tensor, shape: Shape, relu: bool = False) -> Tensor:
        """The convolution of a batch.

        Args:
            pixels: (shape.pixels + 1, in channels) float32; the last row is the zero that pads.
            shape: how the rows lie: row = (picture * height + y) * width + x.
            relu: whether negative results become zero.

        Returns:
            (shape.pixels + 1, out channels) float32, its last row zero again.
        """
        import torch

        to_tiles, to_outputs = _transforms()
        in_channels, out_channels = self.kernels.shape[1:]
        out = rows(shape, out_channels)
        for patch, place, first, last in _passes(shape, self.dilation):
            tiles = patch.numel() // 36
            patches = torch.index_select(pixels, 0, patch).view(36, tiles * in_channels)
            spectrum = torch.mm(to_tiles, patches).view(36, tiles, in_channels)
            products = torch.bmm(spectrum, self.kernels)
            products[7] += self.bias  # the output transform spreads this entry evenly over the tile
            outputs = torch.mm(to_outputs, products.view(36, tiles * out_channels))
            if relu:
                outputs.clamp_min_(0)  # while they are in the cache
            torch.index_select(outputs.view(16 * tiles, out_channels), 0, place, out=out[first:last])
        return out


def rows(shape: Shape, channels: int) -> Tensor:
    """Room for one batch as (shape.pixels + 1, channels) float32, of which the last row is zero."""
    import torch

    out = torch.empty(shape.pixels + 1, channels)
    out[-1] = 0
    return out


def to_rows(planes: Tensor) -> tuple[Tensor, Shape]:
    """(n, channels, height, width) as rows with the zero row behind them; a copy."""
    n, channels, height, width = planes.shape
    shape = Shape(n, height, width)
    out = rows(shape, channels)
    out[:-1] = planes.permute(0, 2, 3, 1).reshape(shape.pixels, channels)
    return out, shape


def to_planes(pixels: Tensor, shape: Shape) -> Tensor:
    """Rows as (n, channels, height, width), channels last in memory; a view."""
    return pixels[: shape.pixels].view(shape.n, shape.height, shape.width, -1).permute(0, 3, 1, 2)


def folded(conv: Any, norm: Any) -> tuple[Tensor, Tensor]:
    """Weight and bias of `norm(conv(x))` as one convolution; the batch norm as it is in eval mode."""
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return weight.detach(), bias.detach()


@functools.cache
def _transforms() -> tuple[Tensor, Tensor]:
    """The input transform (36, 36) and the output transform (16, 36), each over rows and columns at once."""
    import torch

    b = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0]]
    b += [[0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
    a = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    bt, at = torch.tensor(b, dtype=torch.float32), torch.tensor(a, dtype=torch.float32)
    return torch.kron(bt, bt), torch.kron(at, at)


@functools.lru_cache(maxsize=64)
def _passes(shape: Shape, dilation: int) -> list[tuple[Tensor, Tensor, int, int]]:
    """What to gather and where to put it, pass by pass.

    Each pass: the input row of every patch entry (36 * tiles; outside the picture: the zero row), the output
    entry of every pixel from row `first` to `last`. With a dilation d the picture falls into d*d interleaved
    pictures that know nothing of each other; their pixels are spread over all rows, so that is one pass.
    """
    import torch

    down, across = -(-shape.height // (4 * dilation)), -(-shape.width // (4 * dilation))
    # the first pixel of each tile, in the order picture, tile row, tile column, offset inside the dilation
    steps = [torch.arange(k) for k in (shape.n, down, across, dilation, dilation)]
    picture, tile_y, tile_x, off_y, off_x = (g.reshape(-1) for g in torch.meshgrid(*steps, indexing="ij"))
    y0, x0 = 4 * dilation * tile_y + off_y, 4 * dilation * tile_x + off_x

    i, j = (g.reshape(-1, 1) for g in torch.meshgrid(torch.arange(6), torch.arange(6), indexing="ij"))
    y, x = y0 + dilation * (i - 1), x0 + dilation * (j - 1)
    inside = (y >= 0) & (y < shape.height) & (x >= 0) & (x < shape.width)
    source = torch.where(inside, (picture * shape.height + y) * shape.width + x, shape.pixels)

    of_pixel, entry = torch.empty(shape.pixels, dtype=torch.long), torch.empty(shape.pixels, dtype=torch.long)
    a, b = (g.reshape(-1, 1) for g in torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij"))
    y, x = y0 + dilation * a, x0 + dilation * b
    inside = (y < shape.height) & (x < shape.width)
    pixel = ((picture * shape.height + y) * shape.width + x)[inside]
    of_pixel[pixel] = torch.arange(len(y0)).expand(16, -1)[inside]
    entry[pixel] = torch.arange(16).reshape(16, 1).expand(-1, len(y0))[inside]

    # whole tile rows a pass: their pixels are neighbours in memory
    step = len(y0) if dilation > 1 else across * max(1, TILES_AT_A_TIME // across)
    passes = []
    for start in range(0, len(y0), step):
        stop = min(start + step, len(y0))
        mine = torch.nonzero((of_pixel >= start) & (of_pixel < stop)).reshape(-1)
        first, last = int(mine[0]), int(mine[-1]) + 1
        place = entry[first:last] * (stop - start) + of_pixel[first:last] - start
        passes.append((source[:, start:stop].reshape(-1), place, first, last))
    return passes
