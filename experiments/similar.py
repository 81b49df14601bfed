"""The training covers nearest to a picture, as a table and as one picture."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
from PIL import Image, ImageDraw

from data.errors import UserError
from data.pictures import PictureError, decode
from data.sources import read_bytes
from experiments.score import bundle_extractors, table_of
from experiments.thumbnails import SIDE
from fusion.bundle import load_bundle


def similar(bundle_folder: Path, picture: str, k: int = 5, out: Path | None = None) -> pd.DataFrame:
    """The k nearest training covers over all blocks of a bundle.

    Args:
        bundle_folder: the fitted model.
        picture: a file or `zip!member`.
        k: how many.
        out: a PNG to draw the picture beside its neighbours.

    Returns:
        One row a neighbour, nearest first: cover_id, genre, path, distance.

    Raises:
        UserError: the picture or the bundle cannot be read.
    """
    bundle = load_bundle(bundle_folder)
    try:
        image = decode(read_bytes(picture))
    except PictureError as error:
        raise UserError(f"{picture}: {error}") from error
    table, failed = table_of([image], bundle_extractors(bundle))
    if failed[0]:
        raise UserError(f"{picture}: {failed[0]}")
    neighbours = bundle.neighbours
    if neighbours is None:
        raise UserError(f"{bundle_folder} has no index of training covers. Train again.")
    found = neighbours.query(table.frame(), k)[0]
    if out:
        _draw(image, found, neighbours.thumbnails(found["cover_id"].tolist())).save(out)
    return found


def _draw(image: Image.Image, found: pd.DataFrame, thumbnails: list[bytes]) -> Image.Image:
    """The picture on the left, its neighbours to the right with genre and distance."""
    gap, line = 12, 16
    sheet = Image.new("RGB", ((SIDE + gap) * (len(found) + 1) + gap, SIDE + 2 * gap + 2 * line), "white")
    draw = ImageDraw.Draw(sheet)
    own = image.copy()
    own.thumbnail((SIDE, SIDE))
    tiles = [(own, "this picture", "")]
    for row, content in zip(found.itertuples(), thumbnails, strict=True):
        tiles.append((Image.open(io.BytesIO(content)), str(row.genre), f"distance {row.distance:.2f}"))
    for column, (tile, title, below) in enumerate(tiles):
        left = gap + column * (SIDE + gap)
        sheet.paste(tile, (left, gap))
        draw.text((left, SIDE + gap + 2), title, fill="black")
        draw.text((left, SIDE + gap + line), below, fill="#555555")
    return sheet
