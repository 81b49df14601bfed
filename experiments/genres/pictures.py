"""Pictures on a genre's page: the mean of its covers, thumbnails, and a word marked where it was read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageOps

from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.drawing.thumbnails import data_uri, thumbnail
from coverfusion.experiments.genres.membership import names_in
from coverfusion.experiments.pipeline.progress import counted

MEAN_SIDE = 96  # pixels of a mean picture
DIFFERENCE_STRETCH = (
    4.0  # how many times larger than it is a mean picture's difference from all others' is drawn
)
MARK_COLOUR = "#e69f00"  # Okabe and Ito's orange, between two black lines: seen on any background


@dataclass(frozen=True)
class MeanPicture:
    """JPEGs as data URIs: the mean of a genre's covers, of all others, and where the two differ."""

    own: str
    others: str
    difference: str
    covers: int


def mean_pictures(covers: pd.DataFrame) -> dict[str, MeanPicture]:
    """The mean picture of each genre; covers that cannot be read any more are left out.

    Each cover is cropped to its central square and reduced to `MEAN_SIDE` pixels; the mean is of sRGB values.
    The difference is drawn on mid-grey, `DIFFERENCE_STRETCH` times its size.

    Args:
        covers: frame with `path` and `genre`.
    """
    sums: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    total, number = np.zeros((MEAN_SIDE, MEAN_SIDE, 3)), 0
    with counted("mean pictures", len(covers)) as bar:
        for path, genres in zip(covers["path"], names_in(covers), strict=True):
            square = _square(path)
            if square is not None:
                total, number = total + square, number + 1
                for genre in genres:
                    sums[genre] = sums.get(genre, 0) + square
                    counts[genre] = counts.get(genre, 0) + 1
            bar.advance(bar.task_ids[0])
    return {
        genre: _mean_picture(own, counts[genre], total - own, number - counts[genre])
        for genre, own in sums.items()
    }


def _mean_picture(own: np.ndarray, covers: int, others: np.ndarray, other_covers: int) -> MeanPicture:
    mean, rest = own / covers, others / max(other_covers, 1)
    difference = 127.5 + DIFFERENCE_STRETCH * (mean - rest if other_covers else mean * 0)
    return MeanPicture(_jpeg(mean), _jpeg(rest), _jpeg(difference), covers)


def _square(path: str) -> np.ndarray | None:
    """(MEAN_SIDE, MEAN_SIDE, 3) float64."""
    try:
        picture = decode(read_bytes(path))
    except PictureError:
        return None
    return np.asarray(ImageOps.fit(picture, (MEAN_SIDE, MEAN_SIDE), Image.Resampling.BILINEAR), np.float64)


def marked_picture(path: str, box: Sequence[Sequence[float]]) -> str | None:
    """As `picture_at`, with a line around a box of four (x, y) in pixels of the decoded picture."""
    try:
        picture = decode(read_bytes(path))
    except PictureError:
        return None
    draw = ImageDraw.Draw(picture)
    line = max(1, round(max(picture.size) / 100))
    corners = [(float(x), float(y)) for x, y in box]
    for width, colour in ((3 * line, "black"), (line, MARK_COLOUR)):
        draw.line([*corners, *corners[:2]], colour, width, joint="curve")
    content = io.BytesIO()
    picture.save(content, "PNG", compress_level=0)  # it is only handed on
    return data_uri(thumbnail(content.getvalue()))


def _jpeg(values: np.ndarray) -> str:
    picture = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=88)
    return data_uri(content.getvalue())
