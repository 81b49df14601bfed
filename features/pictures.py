"""Smaller copies of pictures, at nearly the same cost for pictures of any size."""

from __future__ import annotations

from math import sqrt

from PIL.Image import Image, Resampling


def smaller(image: Image, side: int) -> Image:
    """The picture in its own proportions with about side² pixels; as it is where it has no more than that.

    Sides are rounded to 10 px: networks are made ready for each size they have not seen.
    """
    shrink = side / sqrt(image.width * image.height)
    if shrink >= 1:
        return image
    size = (_rounded(image.width * shrink), _rounded(image.height * shrink))
    return thinned(image, side).resize(size, Resampling.BILINEAR, reducing_gap=2.0)


def thinned(image: Image, side: int) -> Image:
    """Every n-th row and column, so that a picture far larger than side² keeps 4 to 8 pixels for each of it.

    What follows averages them: that looks as if all pixels had been averaged, and reads few of them.
    """
    step = int(sqrt(image.width * image.height) / (4 * side))
    if step < 2 or min(image.size) < step:
        return image
    return image.resize((image.width // step, image.height // step), Resampling.NEAREST)


def _rounded(length: float) -> int:
    return 10 * max(round(length / 10), 1)
