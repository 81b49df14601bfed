"""Covers with known words, drawn on photos in many typefaces, sizes, colours and angles."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from coverfusion.data.photos import library_photos
from coverfusion.experiments.bench.drawn_covers import BENCH_SEED

SIDE = 300  # pixels, as most covers of public collections have
TYPEFACES = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-BoldOblique.ttf", "DejaVuSansMono.ttf",
    "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSerif-Italic.ttf", "STIXGeneral.ttf",
    "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf", "cmb10.ttf", "cmr10.ttf", "cmss10.ttf", "cmti10.ttf",
    "cmtt10.ttf",
)  # fmt: skip
WORDS = (
    "the and of love night blue river gold midnight summer train heart electric dance world live "
    "greatest hits volume songs original soundtrack featuring ballad highway country queen king "
    "brothers orchestra quartet fire water moon sun street city house party feat remix deluxe edition "
    "stereo records side one two three Alice Bowie Carter Dylan Ella Franklin Garfunkel Hendrix Iggy "
    "Jackson Kraftwerk Lennon Morrison Nirvana Orbison Presley Ramones Sinatra Turner Vangelis Waylon "
    "Zappa 1969 45 99 MC DJ"
)
SIZES = (11, 72)  # pixels, drawn evenly by their logarithm
TILT = 35  # degrees at most
KINDS = {"level": 0.6, "tilted": 0.25, "upright": 0.15}  # of lines; upright runs up or down
CONTRAST = 70  # between letters and the mean of their ground, luma of 255, at least
TRIES = 40  # places looked at for a line


class DrawnLine(NamedTuple):
    """What was written, its kind (a key of `KINDS`) and the size of its typeface in pixels of 300."""

    text: str
    kind: str
    size: float


class DrawnCover(NamedTuple):
    """A picture and its lines from top to bottom."""

    picture: Image.Image
    lines: list[DrawnLine]


def draw_cover(number: int, side: int = SIDE) -> DrawnCover:
    """The cover of this number, the same words at the same places for every `side` (pixels)."""
    rng = np.random.default_rng([BENCH_SEED, number])
    photos = _photos()
    picture = photos[rng.integers(len(photos))].resize((side, side), Image.Resampling.BICUBIC)
    lines: list[tuple[int, DrawnLine]] = []
    taken = np.zeros((SIDE, SIDE), bool)
    for _ in range(rng.integers(1, 6)):
        text = _wording(rng)
        size = float(np.exp(rng.uniform(*np.log(SIZES))))
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        typeface, angle = str(rng.choice(TYPEFACES)), _angle(kind, rng)
        place = _free_place(taken, _written(text, typeface, size, angle, 1).size, rng)
        ink = rng.integers(0, 256, 3)
        if place is not None:
            written = _written(text, typeface, size, angle, side / SIDE)
            corner = round(place[0] * side / SIDE), round(place[1] * side / SIDE)
            _lay(picture, written, corner, ink)
            lines.append((place[1], DrawnLine(text, kind, size)))
    return DrawnCover(picture, [line for _, line in sorted(lines)])


@functools.cache
def _photos() -> list[Image.Image]:
    return library_photos()


def _wording(rng: np.random.Generator) -> str:
    words = " ".join(rng.choice(WORDS.split(), rng.integers(1, 5)))
    return [words, words.upper(), words.title()][rng.integers(3)]


def _angle(kind: str, rng: np.random.Generator) -> float:
    """Degrees, against the clock."""
    if kind == "level":
        return 0.0
    return float(rng.uniform(-TILT, TILT)) if kind == "tilted" else float(rng.choice([90, -90]))


def _written(text: str, typeface: str, size: float, angle: float, scale: float) -> Image.Image:
    """The letters as a mask (mode L), turned, no wider than it must be."""
    import matplotlib

    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / typeface, size * scale)
    left, top, right, bottom = font.getbbox(text)
    mask = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(mask).text((2 - left, 2 - top), text, 255, font)
    return mask.rotate(angle, Image.Resampling.BICUBIC, expand=True)


def _free_place(taken: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int] | None:
    """The upper left corner of a place (x, y) that no line has, and takes it; None where there is none."""
    free = [SIDE - edge for edge in size]
    if min(free) < 1:
        return None
    for _ in range(TRIES):
        x, y = (int(rng.integers(edge)) for edge in free)
        place = slice(max(0, y - 4), y + size[1] + 4), slice(max(0, x - 4), x + size[0] + 4)
        if not taken[place].any():
            taken[place] = True
            return x, y
    return None


def _lay(picture: Image.Image, mask: Image.Image, corner: tuple[int, int], ink: np.ndarray) -> None:
    """Writes with this ink, or its lighter or darker kin where the ground is as light."""
    ground = picture.crop((*corner, corner[0] + mask.width, corner[1] + mask.height)).convert("L")
    below = float(np.asarray(ground).mean())
    luma = float(ink @ [0.299, 0.587, 0.114])
    if abs(luma - below) < CONTRAST:
        ink = ink // 3 + 170 if below < 128 else ink // 3
    red, green, blue = ink.tolist()
    picture.paste((red, green, blue), corner, mask)
