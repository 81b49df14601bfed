"""A picture or words beside the covers that were found for it."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from coverfusion.experiments.drawing.thumbnails import SIDE

ACROSS = 6  # tiles in a row
GAP, LINE, SIZE = 12, 16, 12  # pixels
GREY = "#767676"


def draw_similar(
    asked: Image.Image | str, found: pd.DataFrame, thumbnails: Sequence[bytes | None]
) -> Image.Image:
    """What was asked for first, then each cover with its genre and distance; `ACROSS` in a row.

    Args:
        asked: the picture, or the words.
        found: `genre` and `distance`, in the order to show.
        thumbnails: their JPEGs; None where there is none.
    """
    own = asked.copy() if isinstance(asked, Image.Image) else _card(asked)
    own.thumbnail((SIDE, SIDE))
    tiles = [(own, "this picture" if isinstance(asked, Image.Image) else "these words", "")]
    for row, content in zip(found.itertuples(), thumbnails, strict=True):
        tile = Image.open(io.BytesIO(content)) if content else _card("no picture")
        tiles.append((tile, str(row.genre), f"distance {row.distance:.2f}"))
    across, rows = min(ACROSS, len(tiles)), -(-len(tiles) // ACROSS)
    step = SIDE + GAP + 2 * LINE + 2
    sheet = Image.new("RGB", (GAP + across * (SIDE + GAP), GAP + rows * (step + GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (tile, title, below) in enumerate(tiles):
        left, top = GAP + number % ACROSS * (SIDE + GAP), GAP + number // ACROSS * (step + GAP)
        sheet.paste(tile, (left + (SIDE - tile.width) // 2, top + (SIDE - tile.height) // 2))
        pen.text((left, top + SIDE + 4), _fitting(pen, title), fill="black", font=_font())
        pen.text((left, top + SIDE + 4 + LINE), below, fill=GREY, font=_font())
    return sheet


def _card(words: str) -> Image.Image:
    card = Image.new("RGB", (SIDE, SIDE), "#eeeeee")
    lines = "\n".join(textwrap.wrap(words, 16)[:6])
    ImageDraw.Draw(card).multiline_text((8, 8), lines, fill="black", font=_font())
    return card


def _fitting(pen: ImageDraw.ImageDraw, text: str) -> str:
    """The text, shortened to the width of a tile."""
    if pen.textlength(text, _font()) <= SIDE:
        return text
    while text and pen.textlength(text + "…", _font()) > SIDE:
        text = text[:-1]
    return text + "…"


def _font() -> ImageFont.FreeTypeFont:
    """A font with many scripts; it comes with matplotlib."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", SIZE)
