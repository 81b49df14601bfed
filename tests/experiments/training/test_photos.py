"""Photos of libraries teach the warning what no cover is."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from PIL.Image import Image

from coverfusion.experiments.training.photos import learn_looks


class Brightness:
    """A stand-in for an image network: mean and spread of the brightness."""

    name = "cnn"
    columns = ("mean", "spread")

    def describe(self) -> Mapping[str, str]:
        return {}

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        grey = [np.asarray(image.convert("L"), np.float32) for image in images]
        return np.array([[one.mean(), one.std()] for one in grey], np.float32)


def _covers(n: int) -> pd.DataFrame:
    """Flatter than photos, though some photos are as flat."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"cnn.mean": rng.normal(120, 40, n), "cnn.spread": rng.normal(20, 10, n)}, dtype=np.float32
    )


def test_what_photos_have_more_of_is_flagged() -> None:
    found = learn_looks(_covers(400), np.arange(400), [Brightness()])  # type: ignore[list-item]
    assert found is not None
    assert found.photos is not None
    mean, spread = found.photos.weights
    assert spread > abs(mean)
    new = pd.DataFrame({"cnn.mean": [120.0] * 3, "cnn.spread": [20.0, 48.0, 70.0]}, dtype=np.float32)
    assert found.is_out_of_distribution(new).tolist() == [False, True, True]


def test_too_few_covers_ask_for_no_photos() -> None:
    assert learn_looks(_covers(300), np.zeros(300), [Brightness()]) is None  # type: ignore[list-item]
