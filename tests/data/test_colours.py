"""Colours of files with profiles and of odd depths, against what a viewer shows."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from coverfusion.data import facts_cache
from coverfusion.data.pictures import MAX_SIDE, decode, decode_image
from coverfusion.features import registry
from coverfusion.features.registry import create
from tests.helpers import pictures
from tests.helpers.profiles import grey_profile, ink_profile, srgb_profile, wide_profile

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KINDS = ["JPEG", "PNG", "WEBP", "TIFF"]
# what inks look like on this paper: cyan is a strong orange
PAPER = (100.0, 0.0, 0.0)
ORANGE = (60.0, 50.0, 60.0)


def as_wide(picture: Image.Image) -> Image.Image:
    """The same colours in the values of the wide profile."""
    wide = ImageCms.ImageCmsProfile(io.BytesIO(wide_profile()))
    made = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), wide, outputMode="RGB")
    made.info = {}  # else saving it would embed the profile
    return made


def away(first: Image.Image, second: Image.Image) -> float:
    return float(np.abs(np.asarray(first, int) - np.asarray(second, int)).mean())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", [200, 1500])
def test_a_picture_and_its_twin_in_another_profile_look_the_same(kind: str, side: int) -> None:
    picture = pictures.gradient("#d04010", "#1080c0", (side, side))
    lossless = {"lossless": True} if kind == "WEBP" else {"quality": 98} if kind == "JPEG" else {}
    plain = decode(pictures.encode(picture, kind, **lossless))
    tagged = pictures.encode(as_wide(picture), kind, icc_profile=wide_profile(), **lossless)
    assert away(decode(pictures.encode(as_wide(picture), kind, **lossless)), plain) > 5
    assert away(decode(tagged), plain) < 1.5
    assert max(decode(tagged).size) == min(side, MAX_SIDE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("profile", [SRGB, b"", b"no profile", wide_profile()[:200], grey_profile(1.0)])
def test_with_srgb_or_without_a_usable_profile_pixels_stay(kind: str, profile: bytes) -> None:
    """The grey profile is usable, but not of a picture with colours."""
    picture = pictures.face((700, 500))
    tagged = pictures.encode(picture, kind, icc_profile=profile)
    assert np.array_equal(decode(tagged), decode(pictures.encode(picture, kind)))


@pytest.mark.parametrize("steps", [26, 1024])
def test_a_profile_that_is_nearly_srgb_changes_nothing(steps: int) -> None:
    """Those in use differ from each other in their curves by a step or two."""
    picture, profile = pictures.face(), srgb_profile(steps)
    near = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    seen = ImageCms.profileToProfile(picture, near, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert (away(seen, picture) > 0) == (steps == 26)
    assert np.array_equal(decode(pictures.encode(picture, "PNG", icc_profile=profile)), picture)


def test_grey_of_another_gamma_becomes_srgb_grey() -> None:
    grey = Image.new("L", (20, 20), 128)
    red, green, blue = decode(pictures.encode(grey, "PNG", icc_profile=grey_profile(1.0))).getpixel((0, 0))
    assert red == green == blue
    assert abs(red - 188) <= 1  # half the light
    with_alpha = Image.merge("LA", [grey, Image.new("L", grey.size, 255)])
    assert decode(pictures.encode(with_alpha, "PNG", icc_profile=grey_profile(1.0))).getpixel((0, 0)) == (
        red, green, blue,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_look_as_their_profile_says(kind: str) -> None:
    profile = ink_profile(lambda c, m, y, k: ORANGE if c else PAPER)
    cyan = Image.new("CMYK", (40, 20), (255, 0, 0, 0))
    red, green, blue = decode(pictures.encode(cyan, kind, icc_profile=profile)).getpixel((5, 5))
    assert red > 200
    assert green < 140
    assert blue < 60
    paper = Image.new("CMYK", (40, 20), (0, 0, 0, 0))
    assert min(decode(pictures.encode(paper, kind, icc_profile=profile)).getpixel((5, 5))) > 250
    plain = decode(pictures.encode(cyan, kind)).getpixel((5, 5))
    assert plain[0] < 30  # cyan, without a profile


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1"])
def test_other_modes_with_a_profile_of_colours_are_converted(mode: str) -> None:
    picture = pictures.solid((200, 60, 40)).convert(mode)
    expected = as_wide_to_srgb(picture.convert("RGB"))
    assert away(decode(pictures.encode(picture, "PNG", icc_profile=wide_profile())), expected) < 1


def as_wide_to_srgb(picture: Image.Image) -> Image.Image:
    wide = ImageCms.ImageCmsProfile(io.BytesIO(wide_profile()))
    return ImageCms.profileToProfile(picture, wide, ImageCms.createProfile("sRGB"), outputMode="RGB")


def test_a_decoded_picture_is_not_converted_or_turned_again() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = pictures.gradient("red", "blue", (80, 40))
    once = decode(pictures.encode(picture, "PNG", icc_profile=wide_profile(), exif=exif))
    assert once.size == (40, 80)
    assert np.array_equal(decode_image(once), once)
    assert np.array_equal(decode(pictures.encode(once, "PNG")), once)


@pytest.mark.parametrize(
    ("bits", "clear", "other"),
    [(1, b"\x80", 0), (2, b"\xc0", 0), (4, b"\x90", 0), (8, b"\xc8\0", 0), (16, b"\x9c\x40\x40\0", 64)],
)
def test_the_clear_value_of_grey_is_clear_in_every_depth(bits: int, clear: bytes, other: int) -> None:
    """The left pixel has it and is white; the right one is as it was."""
    value = int.from_bytes(clear[:2], "big") if bits == 16 else clear[0] >> (8 - bits)
    picture = decode(_png(2, bits, 0, clear, struct.pack(">H", value)))
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    assert picture.getpixel((1, 0)) == (other,) * 3


def test_the_clear_colour_of_16_bits_is_clear() -> None:
    clear, other = struct.pack(">3H", 0x8012, 300, 0), struct.pack(">3H", 0xFFFF, 0, 0)
    picture = decode(_png(2, 16, 2, clear + other, clear))
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    assert picture.getpixel((1, 0)) == (255, 0, 0)


def _png(width: int, bits: int, colour: int, row: bytes, clear: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", head), (b"tRNS", clear), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_another_way_of_decoding_makes_all_that_is_kept_new(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rows of the store, caches of pictures and facts of collections."""
    prints = {name: create(name).fingerprint() for name in ("color", "pixels")}
    cache = facts_cache.FactsCache.load(tmp_path / "facts.parquet")
    cache.facts("a" * 64, pictures.encode(pictures.face()))
    cache.save()
    assert len(facts_cache.FactsCache.load(tmp_path / "facts.parquet").known) == 1
    monkeypatch.setattr(registry, "DECODE_VERSION", "another")
    monkeypatch.setattr(facts_cache, "FACTS_VERSION", "another")
    assert all(create(name).fingerprint() != before for name, before in prints.items())
    assert not facts_cache.FactsCache.load(tmp_path / "facts.parquet").known
