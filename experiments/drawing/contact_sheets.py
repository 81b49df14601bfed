"""Many small pictures in few JPEGs: a page can carry thousands of covers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageOps

from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.pipeline.progress import counted

ACROSS = 10  # pictures in a row, and rows in a sheet
SHEET_BACKGROUND = "#808080"  # around pictures that are not square


@dataclass(frozen=True)
class ContactSheets:
    """Pictures of equal size, row by row, `ACROSS` x `ACROSS` a sheet.

    Attributes:
        jpegs: the sheets.
        side: of a picture, in pixels.
        count: pictures on them, the unreadable ones too.
        missing: positions of pictures that cannot be read; their places are grey.
    """

    jpegs: list[bytes]
    side: int
    count: int
    missing: list[int]


def contact_sheets(paths: Sequence[str], side: int, most_bytes: int, quality: int = 60) -> ContactSheets:
    """Draws the pictures at `paths` (or `zip!member`) in their order, until `most_bytes` are spent.

    Args:
        paths: pictures.
        side: of a small picture, in pixels.
        most_bytes: room for all JPEGs together.
        quality: of the JPEGs.
    """
    missing: list[int] = []
    jpegs: list[bytes] = []
    with counted("thumbnails", len(paths)) as bar:
        for start in range(0, len(paths), ACROSS**2):
            part = paths[start : start + ACROSS**2]
            sheet = Image.new("RGB", (ACROSS * side, -(-len(part) // ACROSS) * side), SHEET_BACKGROUND)
            for position, path in enumerate(part):
                try:
                    picture = ImageOps.pad(decode(read_bytes(path)), (side, side), color=SHEET_BACKGROUND)
                    sheet.paste(picture, (position % ACROSS * side, position // ACROSS * side))
                except PictureError:
                    missing.append(start + position)
                bar.advance(bar.task_ids[0])
            content = io.BytesIO()
            sheet.save(content, "JPEG", quality=quality, optimize=True)
            if sum(len(jpeg) for jpeg in jpegs) + content.tell() > most_bytes:
                break
            jpegs.append(content.getvalue())
    count = min(len(jpegs) * ACROSS**2, len(paths))
    return ContactSheets(jpegs, side, count, [position for position in missing if position < count])
