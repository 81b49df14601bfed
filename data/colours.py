"""Colours as a screen shows them: any mode, depth and embedded profile becomes 8-bit sRGB."""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageFile

# The largest profile that is read: those of presses have up to 3 MB.
MAX_PROFILE_BYTES = 2**22
# A profile that moves no colour further than this, of 255, is sRGB under one of its many names.
SRGB_TOLERANCE = 3
# A profile's kind of colour -> the mode that holds it, and the modes whose values are of that kind.
_KINDS = {
    "RGB": ("RGB", {"RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "L", "LA", "La", "1", "I;16"}),
    "GRAY": ("L", {"L", "LA", "La", "1", "I;16"}),
    "CMYK": ("CMYK", {"CMYK"}),
}
_EIGHT_OF_16 = np.rint(np.arange(2**16) / 257).astype(np.uint8)
_DEPTHS = {"L;2": 3, "L;4": 15}  # raw modes whose greys Pillow stretches to 255, with their highest value


@dataclass(frozen=True)
class Profile:
    """What turns the colours of a picture into sRGB.

    Attributes:
        kind: "RGB", "GRAY" or "CMYK".
        transform: of littleCMS; may be used by many threads.
    """

    kind: str
    transform: ImageCms.ImageCmsTransform


def embedded_profile(image: Image.Image) -> Profile | None:
    """The profile of a picture; None where it has none, or one that is sRGB, broken or of other colours."""
    content = image.info.get("icc_profile")
    if not isinstance(content, bytes) or not 0 < len(content) <= MAX_PROFILE_BYTES:
        return None
    profile = _profile(content)
    return profile if profile and image.mode in _KINDS[profile.kind][1] else None


def as_channels(
    image: Image.Image, profile: Profile | None, full: float | None = None, factor: int = 1
) -> Image.Image:
    """The picture in the mode that its profile takes; without one as RGB. `image` itself where it is that.

    Args:
        image: of any mode.
        profile: its `embedded_profile`.
        full: its `full_value`, where `image` is only a part of it.
        factor: by which it is shrunk.
    """
    if profile and profile.kind == "CMYK":
        return _shrunk(image, factor)
    picture = _as_rgb(image, full, factor)
    return picture.convert("L") if profile and profile.kind == "GRAY" else picture


def full_value(parts: Iterable[Image.Image]) -> float | None:
    """What is white in greys of more than 8 bits, told from all parts of a picture; None of other modes."""
    full: float | None = None
    for part in parts:
        if not _is_deep(part) or part.mode.startswith("I;16"):
            return None
        full = max(full or 0.0, _full_value(np.asarray(part)))
    return full


def as_srgb(channels: Image.Image, profile: Profile | None) -> Image.Image:
    """The picture of `as_channels` as RGB in sRGB."""
    return channels if profile is None else profile.transform.apply(channels)


def set_clear_value(image: Image.Image) -> None:
    """Writes the clear colour of a PNG as its pixels are going to be read; to be called before they are.

    The file gives it in its own depth, Pillow reads most greys and all colours in 8 bits.
    """
    clear = image.info.get("transparency")
    raw = image.tile[0].args if isinstance(image, ImageFile.ImageFile) and image.tile else ""
    if isinstance(clear, int) and raw in _DEPTHS:
        image.info["transparency"] = clear * 255 // _DEPTHS[raw]
    elif isinstance(clear, tuple) and raw == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _as_rgb(image: Image.Image, full: float | None, factor: int) -> Image.Image:
    clear = image.info.get("transparency")
    if _is_deep(image):
        values = np.asarray(image)
        image = Image.fromarray(_eight_bits(values, full or _full_value(values)))
        if isinstance(clear, int):
            image = image.convert("RGB")
            image.paste("white", mask=Image.fromarray(values == clear))
    elif image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        image = Image.alpha_composite(white, colours).convert("RGB")
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    image = _shrunk(image, factor)  # before greys are made RGB: a third of the work
    return image if image.mode == "RGB" else image.convert("RGB")


def _shrunk(image: Image.Image, factor: int) -> Image.Image:
    return image if factor == 1 else image.reduce(factor)


def _eight_bits(grey: np.ndarray, full: float) -> np.ndarray:
    if grey.dtype.itemsize == 2:
        return _EIGHT_OF_16[grey]
    return np.clip(np.rint(np.nan_to_num(grey.astype(np.float64)) * (255.0 / full)), 0, 255).astype(np.uint8)


def _full_value(grey: np.ndarray) -> float:
    """What is white in greyscale of 16 or 32 bits or float; the range is told from the values."""
    if grey.dtype.itemsize == 2:
        return 65535.0
    top = np.nan_to_num(grey.astype(np.float64)).max(initial=0.0)
    if grey.dtype.kind == "f":
        return 1.0 if top <= 1 else 255.0 if top <= 255 else 65535.0
    return 255.0 if top <= 255 else 65535.0 if top <= 65535 else float(2**31 - 1)


# --- profiles ------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=16)
def _profile(content: bytes) -> Profile | None:
    """Few profiles are in use, and making a transform takes longer than using it."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(content))
        kind = source.profile.xcolor_space.strip()
        if kind not in _KINDS:
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            _KINDS[kind][0],
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,  # as Photoshop and browsers do
        )
    except (OSError, ImageCms.PyCMSError):  # broken: the picture is taken as it is
        return None
    return None if _is_srgb(kind, transform) else Profile(kind, transform)


def _is_srgb(kind: str, transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether it leaves a grid of colours nearly as they are."""
    if kind == "CMYK":
        return False
    steps = range(0, 256, 17)
    colours = np.array(list(itertools.product(steps, repeat=3)), np.uint8)[None]
    if kind == "GRAY":
        colours = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    picture = Image.fromarray(colours)
    seen = transform.apply(picture if kind == "RGB" else picture.convert("L"))
    return int(np.abs(np.asarray(seen, int) - colours).max()) <= SRGB_TOLERANCE
