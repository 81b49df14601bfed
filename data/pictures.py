"""Reading one picture: bytes in, an RGB picture of bounded size or a clear reason out."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import imagehash
import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from coverfusion.data.colours import as_channels, as_srgb, embedded_profile, set_clear_value
from coverfusion.data.machine_faults import MachineError, is_out_of_memory

# Part of every extractor's fingerprint: change it whenever `decode` would give other pixels.
DECODE_VERSION = "2"
# The longer side of a decoded picture, in pixels: one size serves all blocks and bounds the memory.
MAX_SIDE = 640
# Pillow's own limit for a decompression bomb; a cover of 9,400 x 9,400 pixels still passes.
MAX_PIXELS = 89_478_485
# EPS and the like are left out on purpose: reading them starts another program.
READ_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO")

_ORIENTATION, _QUARTER_TURNS = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values that swap the sides

# `_open` refuses at this size itself, so Pillow's warning would only say it a second time.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# A broken EXIF block costs the rotation at most; the pixels are sound.
warnings.filterwarnings("ignore", message="Corrupt EXIF data", category=UserWarning)


_TOO_MUCH = "it needs more memory than there is for a picture"
_alone = threading.Lock()
T = TypeVar("T")


class PictureError(ValueError):
    """This file is no usable picture; the message is the reason."""


class PictureMemoryError(PictureError):
    """It asked for more memory than there was. That may be of the moment, so nobody may remember it."""


@dataclass(frozen=True)
class PictureFacts:
    """What is known of a picture without any model.

    Attributes:
        width: pixels, as seen (after EXIF rotation), before any reduction.
        height: pixels, likewise.
        format: Pillow's name, e.g. "JPEG".
        phash: 256-bit perceptual hash (DCT of the 64 x 64 luma, ImageHash's `phash`), 64 hex digits.
        detail: standard deviation of that luma, 0 to 127.5; near 0 the hash is mostly noise.
    """

    width: int
    height: int
    format: str
    phash: str
    detail: float


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
        PictureError: the bytes are empty, truncated, no picture, broken or a decompression bomb.
        MachineError: there is no memory for a picture of any kind.
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
        with _reasons():
            picture = _from_array(image) if isinstance(image, np.ndarray) else image
            if picture.width * picture.height > MAX_PIXELS:
                raise PictureError(f"decompression bomb: more than {MAX_PIXELS:,} pixels")
            set_clear_value(picture)
            return _upright_rgb(picture.copy())

    return _with_memory(read)


def facts(data: bytes) -> PictureFacts:
    """Size, format and perceptual hash of a picture; reads it to its end, so that truncation shows.

    Raises:
        PictureError: as `decode`.
    """
    picture, (width, height), name = _with_memory(lambda: _read(data))
    luma = picture.convert("L").resize((64, 64), Image.Resampling.LANCZOS)
    return PictureFacts(
        width=width,
        height=height,
        format=name,
        phash=str(imagehash.phash(luma, hash_size=16)),
        detail=round(float(np.asarray(luma, dtype=np.float32).std()), 2),
    )


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
            pass
        if _has_memory():
            raise PictureMemoryError(_TOO_MUCH)
    raise MachineError(
        "There is no memory left to read a picture. Give it more memory or end other programs, and run the "
        "same command again."
    )


def _has_memory() -> bool:
    """Whether the largest picture that is read would find its place; its pages are not touched."""
    try:
        bytearray(4 * MAX_PIXELS)
    except MemoryError:
        return False
    return True


def _read(data: bytes) -> tuple[Image.Image, tuple[int, int], str]:
    """The RGB picture, its full (width, height) after rotation, its format."""
    if not data:
        raise PictureError("empty file (0 bytes)")
    with _reasons(), _open(data) as image:
        name, size = image.format or "?", image.size
        # A JPEG is decoded at 1/2, 1/4 or 1/8 straight away where that is still large enough.
        image.draft(None, (MAX_SIDE, MAX_SIDE))
        set_clear_value(image)
        image.load()
        if image.getexif().get(_ORIENTATION, 1) in _QUARTER_TURNS:
            size = size[::-1]
        return _upright_rgb(image), size, name


def _upright_rgb(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says, as RGB, its longer side at most `MAX_SIDE`."""
    profile = embedded_profile(image)
    picture = as_channels(ImageOps.exif_transpose(image), profile)
    if max(picture.size) > MAX_SIDE:
        picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    picture = as_srgb(picture, profile)
    picture.info = {}  # rotation and profile are applied: whoever reads or saves it must not do it again
    return picture


@contextmanager
def _reasons() -> Iterator[None]:
    """Whatever a decoder raises, as a `PictureError` with the reason."""
    try:
        yield
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(f"decompression bomb: more than {2 * MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise PictureError("not a picture (or of a format that is not read)") from error
    except Exception as error:  # decoders raise anything from struct.error to MemoryError on broken input
        if is_out_of_memory(error):
            raise PictureMemoryError(_TOO_MUCH) from error
        reason = str(error).strip() or type(error).__name__
        if "truncated" in reason.lower() or isinstance(error, EOFError):
            raise PictureError("truncated picture: the file ends too early") from error
        raise PictureError(f"broken picture: {reason}") from error


def _open(data: bytes) -> ImageFile.ImageFile:
    # libwebp names no reason, but the container says how long it should be.
    if data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise PictureError("truncated picture: the file ends too early")
    image = Image.open(io.BytesIO(data), formats=READ_FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(f"decompression bomb: {width:,} x {height:,} pixels, more than {MAX_PIXELS:,}")
    return image


def _from_array(pixels: np.ndarray) -> Image.Image:
    if pixels.ndim not in (2, 3) or 0 in pixels.shape or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise PictureError(f"an array of shape {pixels.shape} is no picture: (height, width, 3) is one")
    if pixels.dtype.kind == "f" and np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1:
        pixels = np.rint(pixels * 255).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise PictureError(f"an array of {pixels.dtype} is no picture: give uint8, or float from 0 to 1")
    return Image.fromarray(pixels)
