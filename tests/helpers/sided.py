"""Albums with two sides, drawn: only the colour of the back tells the genre."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import PIL.Image

from tests.helpers.pictures import encode, noise, save_manifest, solid

TINTS = {"dub": "green", "opera": "red", "techno": "blue"}
ALBUMS = 20  # of a genre
SIZE = (40, 40)


def front_of(seed: int) -> PIL.Image.Image:
    """Noise, of one kind for all genres."""
    return noise(seed, SIZE)


def back_of(genre: str, seed: int) -> PIL.Image.Image:
    """Noise under the genre's tint."""
    return PIL.Image.blend(noise(seed + 5000, SIZE), solid(TINTS[genre], SIZE), 0.5)


def save_sided(folder: Path, has_back: Callable[[int], bool] = lambda number: True) -> Path:
    """The manifest `albums.csv` with the columns path, genre, release and side; each picture a row.

    Args:
        folder: holds `dub-0_front.jpg`, `dub-0_back.jpg`, ...
        has_back: which numbers of a genre's albums have a back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for code, genre in enumerate(TINTS):
        for number in range(ALBUMS):
            release, seed = f"{genre}-{number}", 100 * code + number
            sides = {"front": front_of(seed)}
            if has_back(number):
                sides["back"] = back_of(genre, seed)
            for side, picture in sides.items():
                name = f"{release}_{side}.jpg"
                (folder / name).write_bytes(encode(picture))
                rows.append({"path": name, "genre": genre, "release": release, "side": side})
    return save_manifest(folder / "albums.csv", rows)
