"""Reading one picture: bytes in, an RGB picture of bounded size or a clear reason out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import imagehash
import numpy as np
from PIL import Image, ImageFile

from coverfusion.data.colours import set_clear_value
from coverfusion.data.decoder_process import DECODER
from coverfusion.data.decoding import (
    MAX_DECODING_BYTES,
    MAX_SIDE,
    READ_FORMATS,
    check_size,
    read_picture,
    reasons,
    upright_rgb,
)
from coverfusion.data.machine_faults import MachineError
from coverfusion.data.memory_budget import MemoryBudget
from coverfusion.data.picture_errors import PictureError, PictureMemoryError, UndecidedPictureError
from coverfusion.data.picture_heads import thread_bytes
from coverfusion.data.thumbnails import THUMBNAIL_SIDE, write_thumbnail

__all__ = [
    "DECODE_VERSION",
    "MAX_SIDE",
    "READ_FORMATS",
    "PictureError",
    "PictureFacts",
    "UndecidedPictureError",
    "decode",
    "decode_image",
    "facts",
    "may_take_long",
]

# Part of every extractor's fingerprint: change it whenever `decode` would give other pixels.
DECODE_VERSION = "2"
T = TypeVar("T")
_alone = threading.Lock()
# What all threads that decode hold together.
_BUDGET = MemoryBudget(MAX_DECODING_BYTES)
_UNCOUNTED = 6_000_000  # of an ordinary cover: with as many threads as cores, too little to count


@dataclass(frozen=True)
class PictureFacts:
    """What is known of a picture without any model.

    Attributes:
        width: pixels, as seen (after EXIF rotation), before any reduction.
        height: pixels, likewise.
        format: Pillow's name, e.g. "JPEG".
        phash: 256-bit perceptual hash (DCT of the 64 x 64 luma, ImageHash's `phash`), 64 hex digits.
        detail: standard deviation of that luma, 0 to 127.5; near 0 the hash is mostly noise.
        thumbnail: that luma as a JPEG, for `data.overlay`.
    """

    width: int
    height: int
    format: str
    phash: str
    detail: float
    thumbnail: bytes


def decode(data: bytes) -> Image.Image:
    """Decodes a picture as a viewer would show it, its longer side at most `MAX_SIDE`.

    Greyscale, CMYK (inverted as Adobe writes it), palette and 16-bit pictures become 8-bit RGB; an embedded
    colour profile is converted to sRGB; alpha is laid on white; of an animation the first frame counts;
    EXIF rotation is applied.

    Args:
        data: the bytes of the file.

    Returns:
        An RGB picture.

    Raises:
        PictureError: the bytes are empty, truncated, no picture, broken, a decompression bomb, or take too
            much memory or too long.
        MachineError: there is no memory for a picture of any kind, or no process can be started for one that
            may take too long.
    """
    return _with_memory(lambda: _read(data))[0]


def decode_image(image: Image.Image | np.ndarray) -> Image.Image:
    """A picture in memory, made what `decode` makes of a file.

    Args:
        image: a Pillow image, or an array of shape (height, width), (height, width, 3) or (height, width, 4),
            uint8 or float from 0 to 1.

    Returns:
        An RGB picture that shares no pixels with `image`.

    Raises:
        PictureError: an array of another shape or type, or a Pillow image whose file is broken.
        MachineError: as `decode`.
    """

    def read() -> Image.Image:
        with reasons():
            picture = _from_array(image) if isinstance(image, np.ndarray) else image
            check_size(picture)
            unread = _unread(picture)
            if not unread:
                set_clear_value(picture)
                picture.load()
                return upright_rgb(picture)
        return _read(unread)[0]

    return _with_memory(read)


def facts(data: bytes) -> PictureFacts:
    """Size, format, hash and thumbnail of a picture; reads it to its end, so that truncation shows.

    Raises:
        PictureError: as `decode`.
    """
    picture, (width, height), name = _with_memory(lambda: _read(data))
    luma = _luma(picture)
    phash, detail = _hash(luma)
    return PictureFacts(width, height, name, phash, detail, write_thumbnail(luma))


def picture_hash(picture: Image.Image) -> tuple[str, float]:
    """`phash` and `detail` of a decoded picture, as `facts` gives them."""
    return _hash(_luma(picture))


def _luma(picture: Image.Image) -> Image.Image:
    return picture.convert("L").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)


def _hash(luma: Image.Image) -> tuple[str, float]:
    detail = round(float(np.asarray(luma, dtype=np.float32).std()), 2)
    return str(imagehash.phash(luma, hash_size=16)), detail


def _with_memory(read: Callable[[], T]) -> T:
    """What `read` gives; where memory ran out it is called once more, while other threads do not try again.

    Raises:
        PictureMemoryError: it ran out again, though there is enough for any picture that may be read.
        MachineError: there is not even that.
    """
    try:
        return read()
    except PictureMemoryError:
        pass  # and the error lets go of all that was read by then
    with _alone:
        try:
            return read()
        except PictureMemoryError:
            if _has_memory():
                raise
    raise MachineError(
        "There is no memory left to read a picture. Give it more memory or end other programs, and run the "
        "same command again."
    )


def _has_memory() -> bool:
    """Whether the largest picture that is read would find its place; its pages are not touched."""
    try:
        bytearray(MAX_DECODING_BYTES)
    except MemoryError:
        return False
    return True


def may_take_long(data: bytes) -> bool:
    """Whether `decode` leaves these bytes to a process of its own, in which one picture waits for another."""
    try:
        return thread_bytes(data) is None
    except PictureError:
        return False


def _read(data: bytes) -> tuple[Image.Image, tuple[int, int], str]:
    """The RGB picture, its full (width, height) after rotation, its format."""
    if not data:
        raise PictureError("empty file (0 bytes)")
    needed = thread_bytes(data)
    if needed is None:
        return DECODER.read_picture(data)
    if needed <= _UNCOUNTED:
        return read_picture(data)
    with _BUDGET.held(needed):
        return read_picture(data)


def _unread(image: Image.Image) -> bytes:
    """The bytes of an opened file whose pixels nobody has read, if they may take long; else none."""
    if not isinstance(image, ImageFile.ImageFile) or not image.tile or image.fp is None or image.tell():
        return b""
    place = image.fp.tell()
    image.fp.seek(0)
    data = image.fp.read()
    image.fp.seek(place)
    return data if thread_bytes(data) is None else b""


def _from_array(pixels: np.ndarray) -> Image.Image:
    if pixels.ndim not in (2, 3) or 0 in pixels.shape or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise PictureError(f"an array of shape {pixels.shape} is no picture: (height, width, 3) is one")
    if pixels.dtype.kind == "f" and np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1:
        pixels = np.rint(pixels * 255).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise PictureError(f"an array of {pixels.dtype} is no picture: give uint8, or float from 0 to 1")
    return Image.fromarray(pixels)
