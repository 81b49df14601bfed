"""A collection of covers drawn by a program, to try everything without a picture of one's own.

Each genre has its habits (palettes, layouts, typefaces, words, how often a face is shown, grain), and each
cover breaks some of them, so that every block of features tells something and none tells all. The fonts
come with matplotlib; the portraits are cut from scikit-image's picture of the astronaut Eileen Collins (NASA,
public domain). Scores on these covers mean nothing about music.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from coverfusion.data.sample.layouts import CANVAS_SIDE, LAYOUTS, Palette, brightness, hex_of, rgb

COVER_SIDE = 300
# How often a cover follows its genre in each respect; otherwise it takes after a random genre.
_FOLLOWS_GENRE = {"palette": 0.62, "layout": 0.55, "font": 0.6, "words": 0.6, "portrait": 0.7, "grain": 0.6}

T = TypeVar("T")


@dataclass(frozen=True)
class Habits:
    """What is typical of a genre.

    Attributes:
        palettes: background, second colour, accent, ink.
        layouts: names in `LAYOUTS`.
        fonts: files among matplotlib's fonts.
        words: what titles are made of.
        names: what artists are called.
        upper: whether the lettering is in capitals.
        portrait: share of covers with a face.
        group: share of those with three faces.
        grain: standard deviation of the noise, 0 to 255.
    """

    palettes: Sequence[Palette]
    layouts: Sequence[str]
    fonts: Sequence[str]
    words: Sequence[str]
    names: Sequence[str]
    upper: bool
    portrait: float
    group: float
    grain: float


GENRE_HABITS: dict[str, Habits] = {
    "Classical": Habits(
        palettes=[
            ("#f2ead8", "#d9c9a3", "#7a1f1f", "#2b2320"),
            ("#e8e4da", "#b7b09c", "#22395b", "#1d1d1d"),
            ("#fbf3d0", "#e0b84c", "#5b3a1e", "#33261a"),
        ],
        layouts=["frame", "staves", "hills"],
        fonts=["STIXGeneral.ttf", "STIXGeneralItalic.ttf", "cmr10.ttf", "DejaVuSerif-Italic.ttf"],
        words=["Sonata", "Quartet", "Nocturne", "Requiem", "Prelude", "Concerto", "Symphony", "Fugue"],
        names=["Chamber Orchestra", "String Quartet", "A. Lindqvist", "Collegium", "M. Castellani"],
        upper=False, portrait=0.25, group=0.1, grain=4,
    ),
    "Country": Habits(
        palettes=[
            ("#f4c37d", "#c9672c", "#5a2d1a", "#fff3dd"),
            ("#9cc4d9", "#c79a5b", "#6b4423", "#fff8e8"),
            ("#e8d3a9", "#8a9a5b", "#a63d2f", "#3b2a1d"),
        ],
        layouts=["hills", "sunburst", "frame"],
        fonts=["DejaVuSerif-Bold.ttf", "DejaVuSerif-BoldItalic.ttf", "STIXGeneralBol.ttf"],
        words=["Road", "Whiskey", "Heart", "River", "Dusty", "Home", "Cowboy", "Highway"],
        names=["Hank Miller", "The Pickup Boys", "Loretta Dale", "Wade Carson", "Dixie Lane"],
        upper=False, portrait=0.6, group=0.25, grain=11,
    ),
    "Electronic": Habits(
        palettes=[
            ("#0b0d1f", "#1c2c6b", "#18e0d8", "#e9f7ff"),
            ("#120a24", "#4a157a", "#ff2bd6", "#f4e9ff"),
            ("#dfe6ea", "#9fb3c1", "#0057ff", "#101820"),
        ],
        layouts=["rings", "waves", "mosaic"],
        fonts=["DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", "cmtt10.ttf"],
        words=["Signal", "Pulse", "Circuit", "Voltage", "Binary", "Drift", "Modular", "Phase"],
        names=["Unit 07", "KERNEL", "Oscillate", "Null Sector", "DJ Vector"],
        upper=True, portrait=0.15, group=0.1, grain=2,
    ),
    "Jazz": Habits(
        palettes=[
            ("#12355b", "#2f6690", "#f4b942", "#f7f3e8"),
            ("#e9dcc3", "#d1495b", "#00798c", "#1b1b1e"),
            ("#27213c", "#5a352a", "#dccca3", "#fff4d6"),
        ],
        layouts=["mosaic", "keys", "waves"],
        fonts=["cmss10.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSans-BoldOblique.ttf"],
        words=["Blue", "Midnight", "Swing", "Trio", "Ballads", "Cool", "Standards", "Session"],
        names=["The Ray Wells Trio", "Ella Moore", "Duke Parker", "Lee Hancock", "Quintet No. 5"],
        upper=False, portrait=0.5, group=0.3, grain=8,
    ),
    "Metal": Habits(
        palettes=[
            ("#0a0a0a", "#2b2b2b", "#b3001b", "#e6e6e6"),
            ("#141414", "#3d2b1f", "#d95d0f", "#f0e3d0"),
            ("#1a1f1a", "#38453a", "#9bb59b", "#f5f5f0"),
        ],
        layouts=["shards", "sunburst", "rings"],
        fonts=["STIXGeneralBol.ttf", "DejaVuSans-Bold.ttf", "cmb10.ttf"],
        words=["Blood", "Throne", "Ashes", "Wrath", "Skull", "Iron", "Doom", "Abyss"],
        names=["GRAVEWORM", "Black Anvil", "Hellforge", "Necrosis", "Warhammer"],
        upper=True, portrait=0.15, group=0.4, grain=14,
    ),
    "Pop": Habits(
        palettes=[
            ("#ff8fb8", "#ffd166", "#5f4bff", "#ffffff"),
            ("#7fe3ff", "#ff77c8", "#fff04d", "#20124d"),
            ("#ffffff", "#ffc4dd", "#ff3d81", "#1d1d2b"),
        ],
        layouts=["confetti", "sunburst", "waves"],
        fonts=["DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "DejaVuSans-BoldOblique.ttf"],
        words=["Love", "Tonight", "Baby", "Dance", "Summer", "Kiss", "Dream", "Forever"],
        names=["Mia Rose", "The Sweethearts", "LUNA", "Jamie K", "Candy Club"],
        upper=False, portrait=0.65, group=0.3, grain=2,
    ),
}  # fmt: skip

_NEUTRAL = ["One", "Time", "Light", "Live", "Songs", "Best of", "New", "World"]


def draw_sample(folder: str | os.PathLike[str], covers_per_genre: int = 60, seed: int = 0) -> Path:
    """Draws a sample collection: `folder/<genre>/000.jpg`, 300 x 300 pixels.

    Args:
        folder: made where it does not exist; files of the same name are replaced.
        covers_per_genre: how many of each of the six genres.
        seed: the same seed draws the same covers.

    Returns:
        `folder`.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> sorted(genre.name for genre in folder.iterdir())
        ['Classical', 'Country', 'Electronic', 'Jazz', 'Metal', 'Pop']
    """
    folder = Path(folder)
    for number, genre in enumerate(GENRE_HABITS):
        (folder / genre).mkdir(parents=True, exist_ok=True)
        for i in range(covers_per_genre):
            cover = draw_cover(genre, np.random.default_rng([seed, number, i]))
            cover.save(folder / genre / f"{i:03d}.jpg", quality=88)
    return folder


def draw_cover(genre: str, rng: np.random.Generator) -> Image.Image:
    """One cover, (300, 300) RGB, that follows most habits of its genre (a key of `GENRE_HABITS`)."""
    everyone = list(GENRE_HABITS.values())

    def habits(respect: str) -> Habits:
        return (
            GENRE_HABITS[genre]
            if rng.random() < _FOLLOWS_GENRE[respect]
            else everyone[rng.integers(len(everyone))]
        )

    palette = _jitter(_one(habits("palette").palettes, rng), rng)
    picture = Image.new("RGB", (CANVAS_SIDE, CANVAS_SIDE), palette[0])
    LAYOUTS[_one(habits("layout").layouts, rng)](picture, palette, rng)
    faces = habits("portrait")
    top = bool(rng.random() < 0.5)
    if rng.random() < faces.portrait:
        _portraits(picture, palette, 3 if rng.random() < faces.group else 1, top, rng)
    wording = habits("words")
    _lettering(picture, palette, wording, habits("font"), top, rng)
    return _finish(picture, habits("grain").grain, rng)


# --- what lies on the layout -----------------------------------------------------------------------------


def _portraits(
    picture: Image.Image, palette: Palette, count: int, title_on_top: bool, rng: np.random.Generator
) -> None:
    """One large portrait or several small ones in a row, clear of the title."""
    side = int(rng.integers(300, 440)) if count == 1 else 190
    middle = 350 if title_on_top else 250
    tinted = rng.random() < 0.6
    round_one = rng.random() < 0.4
    left = (CANVAS_SIDE - side) // 2 + int(rng.integers(-60, 60)) if count == 1 else 10
    for i in range(count):
        portrait = _portrait(side, rng)
        if tinted:
            grey = ImageOps.autocontrast(portrait.convert("L"))
            dark, light = sorted((palette[0], palette[3]), key=brightness)
            toned = ImageOps.colorize(grey, dark, light)
            portrait = Image.blend(portrait, toned, rng.uniform(0.5, 0.95))
        mask = Image.new("L", (side, side), 0 if round_one else 255)
        if round_one:
            ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
        picture.paste(portrait, (left + i * (side + 5), middle - side // 2), mask)


def _portrait(side: int, rng: np.random.Generator) -> Image.Image:
    """The astronaut's head and shoulders, cut and turned a little otherwise each time."""
    half = int(rng.integers(75, 115))
    x, y = 224 + int(rng.integers(-18, 19)), max(125 + int(rng.integers(-10, 26)), half)
    wide = int(half * 1.15)  # what turning by 8 degrees brings in from beyond the edge
    cut = _astronaut().crop((x - wide, y - wide, x + wide, y + wide))
    cut = cut.rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC)
    cut = ImageOps.crop(cut, wide - half)
    cut = ImageOps.mirror(cut) if rng.random() < 0.5 else cut
    return cut.resize((side, side), Image.Resampling.BICUBIC)


def _lettering(
    picture: Image.Image,
    palette: Palette,
    wording: Habits,
    typeface: Habits,
    top: bool,
    rng: np.random.Generator,
) -> None:
    """Artist and title at the top or the bottom, on a band where the ground is too like the ink."""
    chosen = rng.permutation(wording.words)[: int(rng.integers(1, 3))].tolist()
    if rng.random() < 0.5:
        chosen.insert(int(rng.integers(0, 2)), _one(_NEUTRAL, rng))
    title, artist = " ".join(chosen), _one(wording.names, rng)
    if typeface.upper:
        title, artist = title.upper(), artist.upper()
    font = _one(typeface.fonts, rng)
    draw = ImageDraw.Draw(picture)
    large, small = _fitting(title, font, int(rng.integers(60, 110))), _fitting(artist, font, 40)
    x, anchor = (CANVAS_SIDE // 2, "m") if rng.random() < 0.6 else (30, "l")
    height = large.size + small.size
    y = 30 if top else CANVAS_SIDE - height - 55
    ink = palette[3]
    region = np.asarray(picture.crop((0, y, CANVAS_SIDE, y + height + 30)).convert("L"), dtype=float)
    if abs(region.mean() - brightness(ink)) < 90 or region.std() > 38:
        ground = min(palette[:3], key=lambda colour: -abs(brightness(colour) - brightness(ink)))
        draw.rectangle((0, y - 16, CANVAS_SIDE, y + height + 36), fill=ground)
    draw.text((x, y), artist, ink, small, anchor=f"{anchor}a")
    draw.text((x, y + small.size + 10), title, ink, large, anchor=f"{anchor}a")


def _finish(picture: Image.Image, grain: float, rng: np.random.Generator) -> Image.Image:
    """Reduces to 300 pixels, softens a little and adds the grain of print."""
    small = picture.resize((COVER_SIDE, COVER_SIDE), Image.Resampling.BOX)
    small = small.filter(ImageFilter.BoxBlur(rng.uniform(0, 0.5)))
    strength = grain * rng.uniform(0.5, 1.5) + 0.5
    noise = strength * rng.standard_normal((COVER_SIDE, COVER_SIDE, 1), dtype=np.float32)
    return Image.fromarray(np.clip(np.asarray(small) + noise, 0, 255).astype(np.uint8))


# --- colours, fonts, choices -----------------------------------------------------------------------------


def _one(choices: Sequence[T], rng: np.random.Generator) -> T:
    return choices[int(rng.integers(len(choices)))]


def _fitting(text: str, font: str, size: int) -> ImageFont.FreeTypeFont:
    """The font at this size, or smaller so that the text fits the width."""
    width = _font(font, size).getlength(text)
    return _font(font, min(size, int(size * (CANVAS_SIDE - 60) / max(width, 1))))


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


@cache
def _astronaut() -> Image.Image:
    from skimage import data

    return Image.fromarray(data.astronaut())


def _jitter(palette: Palette, rng: np.random.Generator) -> Palette:
    """The same palette in another print: each colour a little off."""
    back, second, accent, ink = (hex_of(rgb(colour) + rng.normal(0, 9, 3)) for colour in palette)
    return back, second, accent, ink
