"""Pictures as cells: the whole cover, squashed, as RGB bytes."""

import numpy as np
import pytest

from coverfusion.features.pixels import Pixels
from tests.helpers.pictures import gradient, solid


def test_each_picture_is_one_cell_of_rgb_bytes() -> None:
    cells = Pixels(side=32)([solid((10, 20, 30), (300, 200)), solid("white", (20, 20)).convert("L")])
    assert cells.shape == (2, 1)
    assert cells.dtype == object
    first, second = cells[:, 0]
    assert first.shape == second.shape == (32, 32, 3)
    assert first.dtype == np.uint8
    assert (first == [10, 20, 30]).all()
    assert (second == 255).all()


def test_the_whole_cover_is_kept_whatever_its_shape() -> None:
    wide = Pixels(side=32)([gradient("black", "white", (400, 100))])[0, 0]
    assert wide[:, 0].max() < 10
    assert wide[:, -1].min() > 245


def test_no_pictures_give_no_cells() -> None:
    assert Pixels()([]).shape == (0, 1)


def test_the_side_is_in_the_fingerprint_and_not_too_small() -> None:
    assert Pixels(256).fingerprint() == Pixels().fingerprint() != Pixels(128).fingerprint()
    with pytest.raises(ValueError, match="32 pixels"):
        Pixels(31)
