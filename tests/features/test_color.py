"""Colour numbers of pictures whose colours are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.features.color import Color, colorfulness
from coverfusion.features.registry import create


def row(image: Image.Image, **parameters: int) -> dict[str, float]:
    extractor = Color(**parameters)
    return dict(zip(extractor.columns, extractor([image])[0].tolist(), strict=True))


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGB", (100, 100), left)
    image.paste(right, (50, 0, 100, 100))
    return image


def test_a_solid_colour_has_its_hue_and_no_spread() -> None:
    red = row(Image.new("RGB", (64, 64), (255, 0, 0)))
    assert red["hue_mean"] % 360 == pytest.approx(0, abs=1e-3)
    assert red["hue_spread"] == pytest.approx(0, abs=1e-3)
    assert (red["hue_cos"], red["saturation_mean"], red["value_mean"]) == pytest.approx((1, 1, 1))
    # CIE L*a*b* of sRGB red under D65, as tabled
    assert (red["lab_l_mean"], red["lab_a_mean"], red["lab_b_mean"]) == pytest.approx(
        (53.24, 80.09, 67.2), abs=0.05
    )
    assert red["brightness"] == pytest.approx(0.2125)
    assert red["contrast"] == pytest.approx(0, abs=1e-6)
    assert (red["warm_share"], red["cool_share"], red["neutral_share"]) == (1, 0, 0)
    assert red["effective_colors"] == pytest.approx(1)
    assert red["entropy"] == pytest.approx(0)


def test_hue_is_averaged_around_the_circle() -> None:
    # 350 and 10 degrees: their mean is red (0), not cyan (180)
    two = row(halves((255, 0, 43), (255, 43, 0)))
    assert np.cos(np.radians(two["hue_mean"])) == pytest.approx(1, abs=1e-4)
    assert two["hue_spread"] == pytest.approx(np.radians(10), rel=0.03)


def test_grey_pictures_have_no_hue_and_are_neutral() -> None:
    grey = row(Image.new("RGB", (50, 50), (128, 128, 128)))
    assert np.isnan(grey["hue_mean"])
    assert np.isnan(grey["hue_spread"])
    assert (grey["hue_cos"], grey["hue_sin"], grey["colorfulness"]) == pytest.approx((0, 0, 0), abs=1e-4)
    assert grey["neutral_share"] == 1


def test_grey_pixels_do_not_move_the_hue() -> None:
    assert row(halves((0, 0, 255), (90, 90, 90)))["hue_mean"] == pytest.approx(240, abs=0.1)


def test_black_and_white_halves() -> None:
    both = row(halves((0, 0, 0), (255, 255, 255)))
    assert both["contrast"] == pytest.approx(0.5, abs=1e-3)
    assert both["contrast_range"] == pytest.approx(1, abs=1e-3)
    assert both["brightness"] == pytest.approx(0.5, abs=1e-3)
    assert (both["dark_share"], both["light_share"]) == (0.5, 0.5)
    assert both["effective_colors"] == pytest.approx(2, abs=1e-3)
    assert both["entropy"] == pytest.approx(1, abs=1e-3)
    assert both["lab_l_spread"] == pytest.approx(50, abs=0.1)


def test_colorfulness_by_hand() -> None:
    # red: R-G = 255, (R+G)/2-B = 127.5; blue: 0 and -255
    pixels = np.array([[255, 0, 0], [0, 0, 255]])
    spread = np.hypot(127.5, 191.25)
    mean = np.hypot(127.5, -63.75)
    assert colorfulness(pixels) == pytest.approx(spread + 0.3 * mean, rel=1e-5)


def test_the_palette_is_sorted_by_share_and_absent_colours_are_nan() -> None:
    image = Image.new("RGB", (100, 100), (0, 0, 255))
    image.paste((255, 255, 255), (0, 0, 100, 60))
    image.paste((255, 0, 0), (0, 60, 100, 70))
    found = row(image)
    assert [found[f"palette_{i}_share"] for i in range(1, 6)] == pytest.approx([0.6, 0.3, 0.1, 0, 0])
    assert found["palette_1_l"] == pytest.approx(100, abs=0.05)
    assert found["palette_2_b"] == pytest.approx(-107.86, abs=0.05)
    assert found["palette_3_a"] == pytest.approx(80.09, abs=0.05)
    assert np.isnan(found["palette_4_l"])
    assert np.isnan(found["palette_5_b"])


def test_the_palette_finds_noisy_clusters_again() -> None:
    random = np.random.default_rng(3)
    centres = np.array([[200, 40, 40], [40, 60, 190], [240, 230, 90], [20, 20, 20], [60, 160, 70]])
    counts = [4000, 2500, 1700, 1100, 700]
    pixels = np.repeat(centres, counts, axis=0) + random.integers(-8, 9, (10000, 3))
    found = row(
        Image.fromarray(np.clip(random.permutation(pixels), 0, 255).astype(np.uint8).reshape(100, 100, 3))
    )
    shares = [found[f"palette_{i}_share"] for i in range(1, 6)]
    assert shares == pytest.approx([0.40, 0.25, 0.17, 0.11, 0.07], abs=0.01)


def test_more_palette_colours_on_request() -> None:
    assert "palette_8_share" in Color(palette=8).columns
    assert "palette_8_share" not in Color().columns


@pytest.mark.parametrize("parameters", [{"size": 0}, {"palette": 0}])
def test_impossible_parameters_are_the_users_to_mend(parameters: dict[str, int]) -> None:
    with pytest.raises(UserError, match="at least 1"):
        create("color", **parameters)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_shares_add_up_and_mirroring_changes_nothing(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    found = row(Image.fromarray(pixels))
    assert found["warm_share"] + found["cool_share"] + found["neutral_share"] == pytest.approx(1)
    assert sum(found[f"palette_{i}_share"] for i in range(1, 6)) == pytest.approx(1)
    mirrored = row(Image.fromarray(pixels[:, ::-1].copy()))
    names = [name for name in found if not name.startswith("palette")]
    assert [mirrored[n] for n in names] == pytest.approx(
        [found[n] for n in names], rel=1e-3, abs=1e-3, nan_ok=True
    )
