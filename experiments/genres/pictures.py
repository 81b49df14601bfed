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
MOST_STRETCH = 16  # times larger than it is a mean picture's difference from all others' is drawn at most
MID_GREY = 127.5
MARK_COLOUR = "#e69f00"  # Okabe and Ito's orange, between two black lines: seen on any background


@dataclass(frozen=True)
class MeanPicture:
    """JPEGs as data URIs: the mean of a genre's covers, of all others, and where the two differ.

    Attributes:
        covers: of the genre.
        stretch: how many times larger than it is the difference is drawn.
    """

    own: str
    others: str
    difference: str
    covers: int
    stretch: int


def mean_pictures(covers: pd.DataFrame) -> dict[str, MeanPicture]:
    """The mean picture of each genre; covers that cannot be read any more are left out.

    Each cover is cropped to its central square and reduced to `MEAN_SIDE` pixels; the mean is of sRGB values.
    Differences are drawn on mid-grey, all as many times larger as leaves each whole (`stretch_of`).

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
    means = {genre: own / counts[genre] for genre, own in sums.items()}
    others = {genre: (total - own) / max(number - counts[genre], 1) for genre, own in sums.items()}
    # of a lone genre there are no others to differ from
    differences = {g: (own - others[g]) * (counts[g] < number) for g, own in means.items()}
    stretch = stretch_of(list(differences.values()))
    return {
        genre: MeanPicture(
            _jpeg(own),
            _jpeg(others[genre]),
            _jpeg(MID_GREY + stretch * differences[genre]),
            counts[genre],
            stretch,
        )
        for genre, own in means.items()
    }


def stretch_of(differences: Sequence[np.ndarray]) -> int:
    """How many times larger differences can be drawn, so that none is cut off; `MOST_STRETCH` at most.

    Args:
        differences: of mean pictures, from -255 to 255.
    """
    largest = max((float(np.abs(one).max()) for one in differences), default=0.0)
    return int(np.clip(MID_GREY // max(largest, 1.0), 1, MOST_STRETCH))


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
