"""Photos that are no covers, as libraries that this project needs anyway bring them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.resources import files

from PIL import Image, ImageOps

from coverfusion.data.pictures import decode

# package -> files; where each comes from is said by the packages themselves
PHOTOS = {
    "skimage": (
        "data/astronaut.png", "data/brick.png", "data/camera.png", "data/chelsea.png", "data/coffee.png",
        "data/coins.png", "data/grass.png", "data/gravel.png", "data/hubble_deep_field.jpg", "data/moon.png",
        "data/motorcycle_left.png", "data/rocket.jpg",
    ),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "matplotlib": ("mpl-data/sample_data/grace_hopper.jpg",),
}  # fmt: skip
PHOTO_SIDE = 300  # pixels
JPEG_QUALITY = 75


def library_photos() -> list[Image.Image]:
    """Five RGB pictures of each photo, 300 x 300: its middle square, and the quarters of that.

    They are read back from JPEG, as most covers are: who learns from them must not take the traces of JPEG
    for a mark of covers. A photo that a package does not bring any more is left out.
    """
    return [_as_jpeg(part) for photo in _photos() for part in _parts(photo)]


def _photos() -> Iterator[Image.Image]:
    for package, names in PHOTOS.items():
        for name in names:
            file = files(package).joinpath(name)
            if file.is_file():
                yield decode(file.read_bytes())


def _parts(photo: Image.Image) -> Iterator[Image.Image]:
    side = min(photo.size) // 2 * 2
    square = ImageOps.fit(photo, (side, side))
    half = side // 2
    corners = [(x, y, x + half, y + half) for y in (0, half) for x in (0, half)]
    for box in [(0, 0, side, side), *corners]:
        yield square.crop(box).resize((PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.LANCZOS)


def _as_jpeg(picture: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY)
    return decode(stream.getvalue())
