"""The CRAFT text detector of EasyOCR, several times faster on CPUs and with the same scores.

Baek et al., "Character Region Awareness for Text Detection" (CVPR 2019). Same weights, same sums, another
order: batch norms folded into the convolutions, neighbouring linear layers merged into one, upsampling after
the 1x1 convolution that follows it (both are linear), Winograd convolutions wherever channels are many, and
pixels kept as rows (channels last) from end to end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coverfusion.features.text.winograd import (
    DirectConv,
    Shape,
    WinogradConv,
    folded,
    rows,
    to_planes,
    to_rows,
)

if TYPE_CHECKING:
    from torch import Tensor


class FastCraft:
    """CRAFT's two score maps on a CPU.

    Args:
        net: `easyocr.craft.CRAFT` with its weights, in eval mode, on the CPU.
    """

    def __init__(self, net: Any) -> None:
        base = [layer for k in range(1, 5) for layer in getattr(net.basenet, f"slice{k}")]
        convs = [folded(base[k], base[k + 1]) for k in (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37)]
        # below 128 channels Winograd's transforms cost more than they save
        self.conv1_1, self.conv1_2, self.conv2_1 = (DirectConv(*c, padding=1) for c in convs[:3])
        self.conv2_2, self.conv3_1, self.conv3_2, self.conv3_3 = (WinogradConv(*c) for c in convs[3:7])
        self.conv4_1, self.conv4_2, self.conv4_3 = (WinogradConv(*c) for c in convs[7:10])
        self.conv5_1, self.conv5_2 = (WinogradConv(*c) for c in convs[10:])
        ups = [getattr(net, f"upconv{k}").conv for k in range(1, 5)]
        mixes = [folded(up[0], up[1]) for up in ups]
        self.mixes = [(weight.flatten(1).t().contiguous(), bias) for weight, bias in mixes]
        wide = [folded(up[3], up[4]) for up in ups]
        self.up1, self.up2 = (WinogradConv(*c) for c in wide[:2])
        self.up3, self.up4 = (DirectConv(*c, padding=1) for c in wide[2:])
        self.context = WinogradConv(*_context(net.basenet.slice5, *mixes[0]), dilation=6)
        self.head = [
            DirectConv(layer.weight.detach(), layer.bias.detach(), layer.padding[0])
            for layer in net.conv_cls[::2]
        ]

    def __call__(self, canvases: Tensor) -> Tensor:
        """Scores of a batch of canvases of one size.

        Args:
            canvases: (n, 3, height, width) float32, normalised as EasyOCR does, sides multiples of 32.

        Returns:
            (n, height / 2, width / 2, 2) float32: how much each pixel is text, and a link between letters.
        """
        import torch

        x = canvases.contiguous(memory_format=torch.channels_last)
        x = _relu(torch.max_pool2d(self.conv1_2(_relu(self.conv1_1(x))), 2))  # the two commute
        x, half = to_rows(_relu(self.conv2_1(x)))
        skip2 = self.conv2_2(x, half, relu=True)
        x, quarter = to_rows(_pool(skip2, half))
        skip3 = self.conv3_2(self.conv3_1(x, quarter, relu=True), quarter, relu=True)
        x, eighth = to_rows(_pool(self.conv3_3(skip3, quarter, relu=True), quarter))
        skip4 = self.conv4_2(self.conv4_1(x, eighth, relu=True), eighth, relu=True)
        x, last = to_rows(_pool(self.conv4_3(skip4, eighth, relu=True), eighth))
        skip5 = self.conv5_2(self.conv5_1(x, last, relu=True), last)  # without ReLU in the original, too

        x, _ = to_rows(torch.max_pool2d(to_planes(skip5, last), 3, stride=1, padding=1))
        y = self.context(x, last)
        y[:-1].addmm_(skip5[:-1], self.mixes[0][0][1024:])
        y = self.up1(_relu(y), last, relu=True)
        y = self.up2(self._mix(1, to_planes(y, last), skip4, eighth), eighth, relu=True)
        y = _relu(self.up3(to_planes(self._mix(2, to_planes(y, eighth), skip3, quarter), quarter)))
        y = _relu(self.up4(to_planes(self._mix(3, y, skip2, half), half)))
        for layer in self.head[:-1]:
            y = _relu(layer(y))
        return self.head[-1](y).permute(0, 2, 3, 1)

    def _mix(self, k: int, y: Tensor, skip: Tensor, shape: Shape) -> Tensor:
        """relu(conv1x1(cat(upsampled y, skip))) as rows; the 1x1 of y is taken before it grows fourfold."""
        import torch

        weight, bias = self.mixes[k]
        of_y = torch.matmul(y.permute(0, 2, 3, 1), weight[: y.shape[1]]).permute(0, 3, 1, 2)
        grown = torch.nn.functional.interpolate(of_y, size=shape[1:], mode="bilinear", align_corners=False)
        out = rows(shape, weight.shape[1])
        torch.addmm(bias, skip[:-1], weight[y.shape[1] :], out=out[:-1])
        out[:-1] += grown.permute(0, 2, 3, 1).reshape(shape.pixels, -1)
        return _relu(out)


def _context(slice5: Any, mix_weight: Tensor, mix_bias: Tensor) -> tuple[Tensor, Tensor]:
    """The dilated 3x3 (512 to 1024), the 1x1 (1024 to 1024) and its half of the first mix as one 3x3.

    There is nothing but sums between the three, so together they are one convolution from 512 to 512.
    """
    import torch

    wide, square = slice5[1], slice5[2]
    mix = mix_weight.flatten(1)[:, :1024].double()
    line = mix @ square.weight.detach().flatten(1).double()
    weight = torch.einsum("om,mikl->oikl", line, wide.weight.detach().double())
    bias = line @ wide.bias.detach().double() + mix @ square.bias.detach().double() + mix_bias
    return weight.float(), bias.float()


def _relu(x: Tensor) -> Tensor:
    return x.clamp_min_(0)


def _pool(pixels: Tensor, shape: Shape) -> Tensor:
    """2x2 max pooling of rows, as planes."""
    import torch

    return torch.max_pool2d(to_planes(pixels, shape), 2)
