"""Small covers of three genres, and what is noted of their collection, for tests of the app."""

import numpy as np
from PIL.Image import Image

from tests.helpers.pictures import checkerboard, grained, stripes

GENRES = {"dub": (30, 120, 40), "opera": (150, 30, 40), "R&B_*soul*": (40, 40, 160)}
NOTE = "This sample is drawn."


def app_cover(genre: str, number: int) -> Image:
    """A patterned cover in the genre's colour and a lighter one."""
    rng = np.random.default_rng([number, len(genre)])
    colour = np.clip(np.array(GENRES[genre]) + rng.integers(-25, 25, 3), 0, 255)
    first, second = (tuple(int(v) for v in some) for some in (colour, np.minimum(colour + 60, 255)))
    draw = checkerboard if number % 2 else stripes
    return grained(draw(first, second, int(rng.integers(5, 30)), size=(64, 64)), [number, len(genre)])
