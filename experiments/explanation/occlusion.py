"""Which parts of a cover the image network's prediction rests on: an occlusion map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

PATCHES_ACROSS = 7  # patches across and down; each is two cells wide, so that neighbours overlap


def occlusion_map(image: Image.Image, chance: Callable[[list[Image.Image]], np.ndarray]) -> np.ndarray:
    """How much the genre's probability drops when a part of the cover is blurred away.

    M. D. Zeiler and R. Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, with a
    soft-edged patch of the strongly blurred cover in place of a grey square: a sharp edge is a shape of its
    own to the network. It needs no gradients, so any network and any classifier will do. What stays under
    the blur, such as one colour all over, cannot show.

    Args:
        image: (H, W) pixels, RGB.
        chance: n pictures -> (n,) the genre's probability; called once with `PATCHES_ACROSS`^2 + 1 pictures.

    Returns:
        (H, W) float32 in units of probability: positive where the cover speaks for the genre, negative
        where it speaks against it; at each pixel the mean drop of the patches over it.
    """
    blurred = image.filter(ImageFilter.GaussianBlur(max(image.size) / PATCHES_ACROSS))
    down, across = _tents(image.height), _tents(image.width)
    hidden = [
        Image.composite(blurred, image, Image.fromarray(np.rint(255 * np.outer(y, x)).astype(np.uint8)))
        for y in down
        for x in across
    ]
    chances = chance([image, *hidden])
    drops = (chances[0] - chances[1:]).reshape(PATCHES_ACROSS, PATCHES_ACROSS)
    return (down.T @ drops @ across / np.outer(down.sum(axis=0), across.sum(axis=0))).astype(np.float32)


def cells(values: np.ndarray) -> np.ndarray:
    """(GRID, GRID) the map at the middle of each patch."""
    y, x = (((np.arange(PATCHES_ACROSS) + 0.5) / PATCHES_ACROSS * side).astype(int) for side in values.shape)
    return values[np.ix_(y, x)]


def _tents(side: int) -> np.ndarray:
    """(GRID, side) how much each patch hides along one side, 0..1: all in its middle, nothing at its edge."""
    places = (np.arange(side) + 0.5) / side * PATCHES_ACROSS
    centres = np.arange(PATCHES_ACROSS)[:, None] + 0.5
    return np.clip(2 * (1 - np.abs(places - centres)), 0, 1)
