"""Small covers of three genres, and what is noted of their collection, for tests of the app."""

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from coverfusion.experiments.app.loaded_model import LoadedModel
from coverfusion.experiments.app.scored_covers import ScoredCovers, score_uploads
from coverfusion.fusion.uncertainty.decision import NO_TARGETS, Targets
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


def scored_of(
    model: LoadedModel, uploads: Sequence[tuple[str, bytes]], targets: Targets = NO_TARGETS
) -> ScoredCovers:
    """All of them scored."""
    return list(score_uploads(model, uploads, targets))[-1]
