"""Texture numbers of pictures whose texture is known."""

import warnings

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from coverfusion.data.errors import UserError
from coverfusion.features.registry import create
from coverfusion.features.texture import Texture


def row(image: Image.Image, size: int = 256) -> dict[str, float]:
    extractor = Texture(size=size)
    return dict(zip(extractor.columns, extractor([image])[0].tolist(), strict=True))


def noise(exponent: float, seed: int = 0, size: int = 256) -> Image.Image:
    """A picture whose radial power falls as frequency to the power of `exponent`."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(random.standard_normal((size, size))) * frequency ** (exponent / 2)
    plane = np.real(np.fft.ifft2(spectrum))
    plane = 128 + 40 * (plane - plane.mean()) / plane.std()
    return Image.fromarray(np.clip(plane, 0, 255).astype(np.uint8)).convert("RGB")


def stripes(vertical: bool, size: int = 256, period: int = 16) -> Image.Image:
    line = ((np.arange(size) // (period // 2)) % 2 * 255).astype(np.uint8)
    plane = np.tile(line, (size, 1))
    return Image.fromarray(plane if vertical else plane.T.copy()).convert("RGB")


def test_a_constant_picture_is_flat_symmetric_and_raises_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = row(Image.new("RGB", (300, 300), (40, 90, 200)))
    assert (found["edge_density"], found["gradient_mean"], found["sharpness"]) == (0, 0, 0)
    assert (found["flat_share"], found["symmetry"], found["main_colors_share"]) == (1, 1, 1)
    assert (found["glcm_contrast_1"], found["glcm_energy_1"], found["glcm_entropy_4"]) == pytest.approx(
        (0, 1, 0)
    )
    assert found["distinct_colors"] == 0
    for name in ("spectrum_slope", "spectrum_residual", "orientation_0", "orientation_90"):
        assert np.isnan(found[name])


@pytest.mark.parametrize(("vertical", "direction"), [(True, "orientation_0"), (False, "orientation_90")])
def test_stripes_have_one_direction(vertical: bool, direction: str) -> None:
    found = row(stripes(vertical))
    assert found[direction] == pytest.approx(1, abs=0.01)
    assert sum(v for k, v in found.items() if k.startswith("orientation")) == pytest.approx(1, abs=1e-5)


def test_diagonal_edges_stand_between() -> None:
    # luma grows to the right and downwards alike: the gradient points at 45 degrees
    ramp = np.add.outer(np.arange(256), np.arange(256)) // 2
    found = row(Image.fromarray(ramp.astype(np.uint8)).convert("RGB"))
    assert found["orientation_45"] > 0.9


def test_cooccurrence_of_single_pixel_columns_by_hand() -> None:
    # Columns alternate between level 0 and level 31: at 1 px, neighbours across and on both diagonals differ
    # by 31, those below never. At 4 px only the diagonals do: they are 3 (4 x sin 45 degrees) columns away.
    line = (np.arange(256) % 2 * 255).astype(np.uint8)
    found = row(Image.fromarray(np.tile(line, (256, 1))).convert("RGB"))
    assert found["glcm_contrast_1"] == pytest.approx(31**2 * 3 / 4, rel=1e-4)
    assert found["glcm_dissimilarity_1"] == pytest.approx(31 * 3 / 4, rel=1e-4)
    assert found["glcm_contrast_4"] == pytest.approx(31**2 / 2, rel=1e-4)
    assert found["glcm_correlation_4"] == pytest.approx(0, abs=1e-3)


def test_local_patterns_are_shares_and_tell_noise_from_flats() -> None:
    flat, noisy = row(Image.new("RGB", (256, 256))), row(noise(0))
    for found in (flat, noisy):
        assert sum(found[f"lbp_{i}"] for i in range(10)) == pytest.approx(1, abs=1e-5)
    assert flat["lbp_8"] > 0.98
    assert noisy["lbp_9"] > 0.2 > flat["lbp_9"]


def test_blurring_lowers_sharpness_and_gradient() -> None:
    sharp = noise(-1)
    blurred = sharp.filter(ImageFilter.GaussianBlur(2))
    assert row(blurred)["sharpness"] < row(sharp)["sharpness"] - 0.5
    assert row(blurred)["gradient_mean"] < row(sharp)["gradient_mean"]


@pytest.mark.parametrize("exponent", [0.0, -1.0, -2.0])
def test_the_spectrum_slope_is_the_one_that_was_drawn(exponent: float) -> None:
    assert row(noise(exponent))["spectrum_slope"] == pytest.approx(exponent, abs=0.15)


def test_symmetry_of_a_picture_and_its_mirror() -> None:
    half = np.random.default_rng(1).integers(0, 256, (256, 128), np.uint8)
    mirrored = np.hstack([half, half[:, ::-1]])
    assert row(Image.fromarray(mirrored).convert("RGB"))["symmetry"] == pytest.approx(1, abs=1e-5)
    negative = np.hstack([half, 255 - half[:, ::-1]])
    assert row(Image.fromarray(negative).convert("RGB"))["symmetry"] == pytest.approx(-1, abs=1e-2)


def test_a_drawing_is_flatter_and_has_fewer_colours_than_a_photo() -> None:
    from skimage.data import astronaut

    drawing = Image.new("RGB", (300, 300), (250, 220, 60))
    pen = ImageDraw.Draw(drawing)
    pen.ellipse((60, 60, 240, 240), fill=(220, 40, 40), outline=(0, 0, 0), width=6)
    pen.rectangle((110, 120, 140, 150), fill=(255, 255, 255))
    drawn, photo = row(drawing), row(Image.fromarray(astronaut()))
    assert drawn["flat_share"] > 0.9 > photo["flat_share"]
    assert drawn["main_colors_share"] > 0.9 > photo["main_colors_share"]
    assert drawn["distinct_colors"] < photo["distinct_colors"] - 1


def test_too_small_a_size_is_the_users_to_mend() -> None:
    with pytest.raises(UserError, match="at least 32"):
        create("texture", size=8)
