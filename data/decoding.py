"""One picture file: its bytes in, an RGB picture of bounded size out, within a bound of memory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import ExifTags, Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from coverfusion.data.colours import (
    MAX_PROFILE_BYTES,
    as_channels,
    as_srgb,
    embedded_profile,
    full_value,
    set_clear_value,
)
from coverfusion.data.machine_faults import is_out_of_memory
from coverfusion.data.picture_errors import PictureError, PictureMemoryError

# The longer side of a decoded picture, in pixels: one size serves all blocks and bounds the memory.
MAX_SIDE = 640
# Pillow's own limit for a decompression bomb: from the first it warns, at twice as many it refuses.
MAX_PIXELS = 89_478_485
MAX_JPEG_PIXELS = 2 * MAX_PIXELS  # a JPEG is shrunk while it is read
# The longest side of a file's picture, in pixels.
MAX_FILE_SIDE = 20_000
# What decoding a picture may hold: the file twice, its pixels and what its decoder needs.
MAX_DECODING_BYTES = 240_000_000
# TGA comes last, for it has no mark at its start and takes icons for its own.
# EPS and the like are left out on purpose: reading them starts another program.
READ_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO", "TGA")

_WHOLE_PIXELS, _STRIP_PIXELS = 2**22, 2**18  # larger pictures are converted strip by strip
_SMALL_PIXELS = 2**20  # whatever the mode, they fit
_MODE_BYTES = {"1": 1, "L": 1, "P": 1}  # a pixel, 2 of I;16 and 4 of all others
_DECODER_BYTES = {"WEBP": 16, "AVIF": 16, "JPEG2000": 20, "TIFF": 4, "GIF": 1}  # a pixel
# How EXIF says that a picture lies -> how it is set upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Comments and profiles of a PNG are packed; Pillow takes one of more than 1 MiB for an attack.
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE_BYTES
# Larger pictures are refused here, so Pillow's warning would only say it a second time.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# A broken EXIF block costs the rotation at most; the pixels are sound.
warnings.filterwarnings("ignore", message="Corrupt EXIF data", category=UserWarning)


def read_picture(data: bytes) -> tuple[Image.Image, tuple[int, int], str]:
    """The picture of a file, as `data.pictures.decode` describes it.

    Returns:
        The RGB picture, its full (width, height) after rotation, its format by Pillow's name.

    Raises:
        PictureError: the bytes are truncated, no picture, broken, a decompression bomb, or take too much
            memory; `PictureMemoryError` where it ran out.
    """
    with reasons(), _open(data) as image:
        name, size = image.format or "?", image.size
        # A JPEG is decoded at 1/2, 1/4 or 1/8 straight away where that is still large enough.
        image.draft(None, (MAX_SIDE, MAX_SIDE))
        _check_memory(image, data, size)
        set_clear_value(image)
        image.load()
        turn = _turn(image)
        if turn in (_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8]):
            size = size[::-1]
        return upright_rgb(image, turn), size, name


def upright_rgb(image: Image.Image, turn: Image.Transpose | None = None) -> Image.Image:
    """The picture as RGB in sRGB, its longer side at most `MAX_SIDE`; it shares no pixels with `image`.

    Args:
        image: of any mode, loaded.
        turn: how it is set upright; None: as its EXIF says.
    """
    profile = embedded_profile(image)
    turn = turn or _turn(image)
    if image.width * image.height <= _WHOLE_PIXELS:
        upright = image if turn is None else image.transpose(turn)
        picture = as_channels(upright, profile)
    else:
        picture = _in_strips(image)
        picture = picture if turn is None else picture.transpose(turn)
    picture = picture.copy() if picture is image else picture
    if max(picture.size) > MAX_SIDE:
        picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    picture = as_srgb(picture, profile)
    picture.info = {}  # rotation and profile are applied: whoever reads or saves it must not do it again
    return picture


@contextmanager
def reasons() -> Iterator[None]:
    """Whatever a decoder raises, as a `PictureError` with the reason."""
    try:
        yield
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(f"decompression bomb: more than {MAX_JPEG_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise PictureError("not a picture, or in a format that cannot be read") from error
    except Exception as error:  # decoders raise anything from struct.error to MemoryError on broken input
        if is_out_of_memory(error):
            raise PictureMemoryError("it needs more memory than there is for a picture") from error
        reason = str(error).strip() or type(error).__name__
        if "truncated" in reason.lower() or isinstance(error, EOFError):
            raise PictureError("truncated picture: the file ends too early") from error
        raise PictureError(f"broken picture: {reason}") from error


def check_size(image: Image.Image) -> None:
    """Raises PictureError where a picture of this size is not decoded at all; to be called before it is."""
    width, height = size = image.size
    most = MAX_JPEG_PIXELS if image.format == "JPEG" else MAX_PIXELS
    if width * height > most:
        raise PictureError(f"decompression bomb: {width:,} x {height:,} pixels, more than {most:,}")
    if max(size) > MAX_FILE_SIDE:
        raise PictureError(f"too large: {width:,} x {height:,} pixels, more than {MAX_FILE_SIDE:,} on a side")


def _open(data: bytes) -> ImageFile.ImageFile:
    # libwebp names no reason, but the container says how long it should be.
    if data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise PictureError("truncated picture: the file ends too early")
    image = Image.open(io.BytesIO(data), formats=READ_FORMATS)
    check_size(image)
    return image


def _check_memory(image: ImageFile.ImageFile, data: bytes, full: tuple[int, int]) -> None:
    """Raises PictureError where decoding takes more than `MAX_DECODING_BYTES`; to be called before it."""
    if full[0] * full[1] <= _SMALL_PIXELS and len(data) <= _SMALL_PIXELS:
        return
    pixels, factor = image.width * image.height, _factor(image.size)
    one = _MODE_BYTES.get(image.mode, 2 if image.mode.startswith("I;16") else 4)
    needed = 2 * len(data) + pixels * (one + _DECODER_BYTES.get(image.format or "", 0))
    needed += 4 * pixels // factor**2 if pixels > _WHOLE_PIXELS else 20 * pixels
    if image.format == "JPEG" and (image.info.get("progressive") or data.count(b"\xff\xda") > 1):
        needed += 2 * _coefficients(image, full)
    if needed > MAX_DECODING_BYTES:
        raise PictureError(
            f"too large: decoding {full[0]:,} x {full[1]:,} pixels of {image.format} takes "
            f"{needed // 10**6} MB, more than {MAX_DECODING_BYTES // 10**6}"
        )


def _coefficients(image: ImageFile.ImageFile, full: tuple[int, int]) -> int:
    """How many coefficients the JPEG decoder holds: all of a picture that comes in scans."""
    layers = getattr(image, "layer", [])  # (id, horizontal and vertical sampling, table) a channel
    most = max((h * v for _, h, v, _ in layers), default=1)
    return sum(full[0] * full[1] * h * v // most for _, h, v, _ in layers)


def _turn(image: Image.Image) -> Image.Transpose | None:
    return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))


def _factor(size: tuple[int, int]) -> int:
    """By which a large picture is shrunk at once; what is left is resampled with care."""
    return max(1, max(size) // (3 * MAX_SIDE))


def _in_strips(image: Image.Image) -> Image.Image:
    """A large picture in the mode that its profile takes, shrunk by `_factor`."""
    (width, height), factor = image.size, _factor(image.size)
    rows = factor * max(1, _STRIP_PIXELS // (width * factor))
    boxes = [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]
    profile, full = embedded_profile(image), full_value(image.crop(box) for box in boxes)
    shrunk = None
    for box in boxes:
        strip = as_channels(image.crop(box), profile, full, factor)
        if shrunk is None:
            shrunk = Image.new(strip.mode, (-(-width // factor), -(-height // factor)))
        shrunk.paste(strip, (0, box[1] // factor))
    assert shrunk is not None
    return shrunk
