"""A picture or words beside the covers that were found for it."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from coverfusion.experiments.drawing.labels import label
from coverfusion.experiments.drawing.thumbnails import THUMBNAIL_SIDE

TILES_ACROSS = 6  # tiles in a row
TILE_GAP, LINE_HEIGHT, FONT_SIZE = 12, 16, 12  # pixels
MUTED_COLOUR = "#767676"


def draw_similar(
    asked: Image.Image | str,
    covers: pd.DataFrame,
    thumbnails: Sequence[bytes | None],
    usual: float = math.nan,
) -> Image.Image:
    """What was asked for first, then each cover with its genre and distance; `TILES_ACROSS` in a row.

    Args:
        asked: the picture, or the words.
        covers: `genre` and `distance`, in the order to show.
        thumbnails: their JPEGs; None where there is none.
        usual: how far apart two random covers are; NaN where that is not known, or another distance.
    """
    own = asked.copy() if isinstance(asked, Image.Image) else _card(asked)
    own.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    scale = "" if math.isnan(usual) else f"random pair {usual:.2f}"
    tiles = [(own, "this picture" if isinstance(asked, Image.Image) else "these words", scale)]
    for row, content in zip(covers.itertuples(), thumbnails, strict=True):
        tile = Image.open(io.BytesIO(content)) if content else _card("no picture")
        tiles.append((tile, label(row.genre), f"distance {row.distance:.2f}"))
    across, rows = min(TILES_ACROSS, len(tiles)), -(-len(tiles) // TILES_ACROSS)
    step = THUMBNAIL_SIDE + TILE_GAP + 2 * LINE_HEIGHT + 2
    sheet = Image.new(
        "RGB", (TILE_GAP + across * (THUMBNAIL_SIDE + TILE_GAP), TILE_GAP + rows * (step + TILE_GAP)), "white"
    )
    pen = ImageDraw.Draw(sheet)
    for number, (tile, title, below) in enumerate(tiles):
        left, top = (
            TILE_GAP + number % TILES_ACROSS * (THUMBNAIL_SIDE + TILE_GAP),
            TILE_GAP + number // TILES_ACROSS * (step + TILE_GAP),
        )
        sheet.paste(
            tile, (left + (THUMBNAIL_SIDE - tile.width) // 2, top + (THUMBNAIL_SIDE - tile.height) // 2)
        )
        pen.text((left, top + THUMBNAIL_SIDE + 4), _fitting(pen, title), fill="black", font=_font())
        pen.text((left, top + THUMBNAIL_SIDE + 4 + LINE_HEIGHT), below, fill=MUTED_COLOUR, font=_font())
    return sheet


def _card(words: str) -> Image.Image:
    card = Image.new("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE), "#eeeeee")
    lines = "\n".join(textwrap.wrap(words, 16)[:6])
    ImageDraw.Draw(card).multiline_text((8, 8), lines, fill="black", font=_font())
    return card


def _fitting(pen: ImageDraw.ImageDraw, text: str) -> str:
    """The text, shortened to the width of a tile."""
    if pen.textlength(text, _font()) <= THUMBNAIL_SIDE:
        return text
    while text and pen.textlength(text + "…", _font()) > THUMBNAIL_SIDE:
        text = text[:-1]
    return text + "…"


def _font() -> ImageFont.FreeTypeFont:
    """A font with many scripts; it comes with matplotlib."""
    import matplotlib

    return ImageFont.truetype(
        Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", FONT_SIZE
    )
