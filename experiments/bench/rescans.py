"""Other scans of a cover, as collections have them: saved again, cropped, framed, photographed."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageFilter, ImageOps

Rng = np.random.Generator


def _saved_again(cover: Image.Image, rng: Rng) -> Image.Image:
    side = int(rng.integers(120, 260))
    return _jpeg(cover.resize((side, side), Image.Resampling.BICUBIC), int(rng.integers(25, 60)))


def _cropped(cover: Image.Image, rng: Rng) -> Image.Image:
    left, top, right, bottom = rng.uniform(0.01, 0.10, 4)
    wide, high = cover.size
    box = (left * wide, top * high, (1 - right) * wide, (1 - bottom) * high)
    return cover.resize(cover.size, Image.Resampling.BICUBIC, box=box)


def _framed(cover: Image.Image, rng: Rng) -> Image.Image:
    edge, colour = int(rng.uniform(0.03, 0.10) * cover.width), rng.integers(0, 256, 3).tolist()
    return ImageOps.expand(cover, edge, tuple(colour)).resize(cover.size, Image.Resampling.BICUBIC)


def _turned(cover: Image.Image, rng: Rng) -> Image.Image:
    return _on_table(cover, float(rng.choice([-1, 1]) * rng.uniform(1, 6)), 0.0, rng)


def _askew(cover: Image.Image, rng: Rng) -> Image.Image:
    return _on_table(cover, 0.0, 0.06, rng)


def _tinted(cover: Image.Image, rng: Rng) -> Image.Image:
    values = (np.asarray(cover, np.float32) / 255) ** rng.uniform(0.7, 1.4)
    values = values * rng.uniform(0.7, 1.25, 3) + rng.uniform(-0.05, 0.08, 3)
    return Image.fromarray((values.clip(0, 1) * 255).astype(np.uint8))


def _blurred(cover: Image.Image, rng: Rng) -> Image.Image:
    values = np.asarray(cover.filter(ImageFilter.GaussianBlur(rng.uniform(1, 3))), np.float32)
    return Image.fromarray((values + rng.normal(0, 12, values.shape)).clip(0, 255).astype(np.uint8))


def _photographed(cover: Image.Image, rng: Rng) -> Image.Image:
    """Askew and a little turned, in uneven light of a colour, not quite sharp."""
    values = np.asarray(_tinted(_on_table(cover, rng.uniform(-4, 4), 0.04, rng), rng), np.float32)
    down, across = (np.linspace(-1, 1, length) * rng.uniform(-0.3, 0.3) for length in values.shape[:2])
    lit = values * (1 + down[:, None, None] + across[None, :, None])
    photo = Image.fromarray(lit.clip(0, 255).astype(np.uint8))
    return _jpeg(photo.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5))), 60)


def _upended(cover: Image.Image, rng: Rng) -> Image.Image:
    return cover.rotate(90 * int(rng.integers(1, 4)), expand=True)


RESCANS: dict[str, Callable[[Image.Image, Rng], Image.Image]] = {
    "saved again, 120 to 260 px": _saved_again,
    "cropped, 1 to 10 % a side": _cropped,
    "framed, 3 to 10 % a side": _framed,
    "turned, 1 to 6 degrees": _turned,
    "askew, corners off by 6 %": _askew,
    "tinted": _tinted,
    "blurred and grainy": _blurred,
    "photographed: all of these": _photographed,
    "turned by a quarter or half": _upended,
}


def rescan(cover: Image.Image, kind: str, rng: Rng) -> bytes:
    """The bytes of a JPEG; `kind` is a key of `RESCANS`, `cover` an RGB picture."""
    file = io.BytesIO()
    RESCANS[kind](cover, rng).save(file, "JPEG", quality=85)
    return file.getvalue()


def _jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def _on_table(cover: Image.Image, degrees: float, off: float, rng: Rng) -> Image.Image:
    """Turned, a little nearer or farther, each corner moved by up to `off` of the width, on a cloth."""
    size = np.array(cover.size, np.float32)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * size
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = (corners - size / 2) @ turn * rng.uniform(0.9, 1.02) + size / 2
    moved = (moved + rng.uniform(-off, off, (4, 2)) * size).astype(np.float32)
    warp = cv2.getPerspectiveTransform(corners, moved)
    laid = cv2.warpPerspective(np.asarray(cover), warp, cover.size, flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.full(cover.size[::-1], 255, np.uint8), warp, cover.size)
    folds = (rng.integers(0, 256, 3) + rng.normal(0, 25, (6, 6, 3))).clip(0, 255).astype(np.uint8)
    cloth = Image.fromarray(folds).resize(cover.size, Image.Resampling.BICUBIC)
    return Image.composite(Image.fromarray(laid), cloth, Image.fromarray(mask))
