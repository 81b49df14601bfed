"""The occlusion map finds the part of a picture that a function looks at."""

import numpy as np
import pytest
from PIL.Image import Image

from coverfusion.experiments.explanation.occlusion import PATCHES_ACROSS, cells, occlusion_map
from tests.helpers.pictures import noise, solid, stripes


def _detail(pictures: list[Image]) -> np.ndarray:
    """How rough the upper left quarter is."""
    quarters = [
        np.asarray(picture.convert("L"), np.float32)[: picture.height // 2, : picture.width // 2]
        for picture in pictures
    ]
    return np.array([quarter.std() for quarter in quarters]) / 255


def test_only_the_part_that_is_looked_at_matters() -> None:
    values = occlusion_map(noise(0, (210, 140)), _detail)
    assert values.shape == (140, 210)
    assert values.dtype == np.float32
    assert values[:50, :80].min() > 0.01  # smoothing it away lowers the score
    assert values[100:].max() == 0
    assert values[:, 150:].max() == 0
    turned = occlusion_map(noise(0, (210, 140)), lambda pictures: -_detail(pictures))
    np.testing.assert_allclose(turned, -values)


def test_the_same_drop_everywhere_is_an_even_map() -> None:
    calls: list[int] = []

    def chance(pictures: list[Image]) -> np.ndarray:
        calls.append(len(pictures))
        return np.array([0.7, *[0.4] * (len(pictures) - 1)])

    values = occlusion_map(stripes(size=(64, 90)), chance)
    np.testing.assert_allclose(values, 0.3, atol=1e-6)
    assert calls == [PATCHES_ACROSS**2 + 1]


def test_one_colour_has_nothing_to_hide() -> None:
    assert not occlusion_map(solid("red"), _detail).any()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (6, 6)])
def test_any_size_of_picture_has_a_map(size: tuple[int, int]) -> None:
    values = occlusion_map(noise(1, size), _detail_of_all)
    assert values.shape == size[::-1]
    assert np.isfinite(values).all()
    assert cells(values).shape == (PATCHES_ACROSS, PATCHES_ACROSS)


def _detail_of_all(pictures: list[Image]) -> np.ndarray:
    return np.array([np.asarray(picture, np.float32).std() for picture in pictures])
