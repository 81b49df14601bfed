"""Winograd convolutions give the numbers of the direct ones."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.features.text.winograd import Shape, WinogradConv, to_planes, to_rows


@given(
    n=st.integers(1, 3),
    height=st.integers(1, 23),
    width=st.integers(1, 23),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    dilation=st.sampled_from([1, 2, 6]),
    seed=st.integers(0, 9),
)
def test_equals_conv2d(
    n: int, height: int, width: int, channels: tuple[int, int], dilation: int, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(n, channels[0], height, width, generator=random)
    weight = torch.randn(channels[1], channels[0], 3, 3, generator=random)
    bias = torch.randn(channels[1], generator=random)
    rows, shape = to_rows(x)
    out = WinogradConv(weight, bias, dilation)(rows, shape)
    expected = torch.conv2d(x, weight, bias, padding=dilation, dilation=dilation)
    torch.testing.assert_close(to_planes(out, shape), expected, atol=2e-4, rtol=1e-4)
    assert not out[-1].any()  # the next layer pads with this row


def test_many_passes_over_a_large_picture() -> None:
    """More tiles than fit in one pass, and a width that no tile divides."""
    random = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 3, 70, 101, generator=random), torch.randn(4, 3, 3, 3, generator=random)
    rows, shape = to_rows(x)
    out = to_planes(WinogradConv(weight, torch.zeros(4))(rows, shape), shape)
    torch.testing.assert_close(out, torch.conv2d(x, weight, padding=1), atol=2e-4, rtol=1e-4)


def test_relu() -> None:
    rows, shape = to_rows(torch.tensor([[[[-1.0, 2.0], [3.0, -4.0]]]]))
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 1] = 1  # takes each pixel as it is
    out = WinogradConv(weight, torch.zeros(1))(rows, shape, relu=True)
    assert out[:-1, 0].tolist() == pytest.approx([0, 2, 3, 0], abs=1e-5)


def test_a_single_tap_shifts_the_picture() -> None:
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 0] = 1  # takes the left neighbour
    rows, shape = to_rows(torch.arange(6.0).reshape(1, 1, 2, 3) + 1)
    out = WinogradConv(weight, torch.tensor([10.0]))(rows, shape)
    assert out[:-1, 0].tolist() == pytest.approx([10, 11, 12, 10, 14, 15], abs=1e-5)


def test_rows_and_planes_are_inverse() -> None:
    x = torch.arange(48.0).reshape(2, 4, 3, 2)
    rows, shape = to_rows(x)
    assert shape == Shape(2, 3, 2)
    assert torch.equal(to_planes(rows, shape), x)
