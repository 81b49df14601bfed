"""Thumbnails: small grey copies of covers, kept among their facts to be compared with each other."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

THUMBNAIL_SIDE = 64  # pixels


def write_thumbnail(luma: Image.Image) -> bytes:
    """A grey picture of 64 x 64 pixels as a JPEG of 1 to 2 KB."""
    file = io.BytesIO()
    luma.save(file, "JPEG", quality=80)
    return file.getvalue()


def read_thumbnails(thumbnails: Sequence[bytes]) -> np.ndarray:
    """(n, 64, 64) uint8 luma of n thumbnails."""
    import cv2

    pictures = np.empty((len(thumbnails), THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.uint8)
    for picture, data in zip(pictures, thumbnails, strict=True):
        luma = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert luma is not None  # `write_thumbnail` has written it
        picture[:] = luma
    return pictures
