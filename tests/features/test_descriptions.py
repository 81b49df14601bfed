"""Short names of columns, and quartiles of angles."""

import numpy as np
import pytest

from coverfusion.features.descriptions import quartiles_of, short_meaning
from coverfusion.features.registry import create

HUE = "color.hue_mean"


@pytest.mark.parametrize(
    ("description", "short"),
    [
        ("brightness: mean luma (ITU-R BT.709 weights); 0-1", "brightness"),
        ("centre of all text, 0 (left) to 1 (right)", "centre of all text"),
        ("log10 of (1 + the variance); 0 to about 5.5", "log10 of (1 + the variance)"),
        ("number of words read, separated by spaces", "number of words read"),
    ],
)
def test_short_meaning(description: str, short: str) -> None:
    assert short_meaning(description) == short


@pytest.mark.parametrize("block", ["color", "texture"])
def test_short_names_are_short_and_tell_columns_apart(block: str) -> None:
    names = [short_meaning(text) for text in create(block).describe().values()]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 42


def test_lines_are_named_as_they_run() -> None:
    """A picture of vertical stripes, and one of stripes that rise to the right."""
    from PIL import Image

    across, down = np.meshgrid(np.arange(160), np.arange(160))
    texture = create("texture")
    names = {name: short_meaning(text) for name, text in texture.describe().items()}
    for stripes, said in ((across, "vertical lines"), (across + down, "rising diagonal lines")):
        luma = (127 + 120 * np.sin(stripes / 4)).astype(np.uint8)
        row = dict(zip(texture.columns, texture([Image.fromarray(luma).convert("RGB")])[0], strict=True))
        most = max((name for name in row if name.startswith("orientation")), key=lambda name: row[name])
        assert names[most] == said


def test_quartiles_of_an_angle_lie_around_its_mean() -> None:
    hues = np.array([340.0, 350.0, 0.0, 10.0, 20.0, np.nan])
    low, middle, high = quartiles_of(HUE, hues) or (0, 0, 0)
    assert (low, high) == pytest.approx((350, 10))
    assert np.cos(np.radians(middle)) == pytest.approx(1)  # 0 and 360 are one
    assert quartiles_of(HUE, np.array([90.0, 100.0, 110.0])) == pytest.approx((95, 100, 105))
    assert quartiles_of("color.brightness", np.array([0.0, 1.0, np.nan, 2.0])) == (0.5, 1.0, 1.5)
    assert quartiles_of(HUE, np.array([np.nan])) is None
