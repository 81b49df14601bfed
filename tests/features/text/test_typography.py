"""Typography of drawn letters: colour, slant, weight, spacing, place, direction."""

import numpy as np
import pytest
from PIL import Image

from coverfusion.features.text.lines import Line
from coverfusion.features.text.typography import TYPOGRAPHY_COLUMNS, typography
from tests.helpers import pictures


def line(picture: Image.Image, text: str = "Summer Nights") -> Line:
    """The line around all that differs from the upper left pixel."""
    pixels = np.asarray(picture).astype(int)
    y, x = np.nonzero(np.abs(pixels - pixels[0, 0]).sum(axis=2) > 40)
    left, right, top, bottom = x.min() - 4, x.max() + 4, y.min() - 4, y.max() + 4
    return Line(text, 0.9, [[left, top], [right, top], [right, bottom], [left, bottom]])


def values_of(*words: str, **options: object) -> dict[str, float]:
    picture = pictures.words(*words, **options)  # type: ignore[arg-type]
    return typography([line(picture, words[0])], np.asarray(picture))


def test_colours_of_letters_and_ground() -> None:
    red = values_of("Summer Nights", colour="red", background="navy", font="DejaVuSans-Bold.ttf")
    assert red["ink_lightness"] == pytest.approx(53, abs=2)
    assert red["ink_red"] == pytest.approx(80, abs=3)
    assert red["ink_yellow"] == pytest.approx(67, abs=3)
    assert red["ground_lightness"] == pytest.approx(13, abs=2)
    faint = values_of("Summer Nights", colour="#707070", background="#505050")
    assert 0 < faint["contrast"] < 20 < 100 < red["contrast"]


@pytest.mark.parametrize(("font", "slant"), [("DejaVuSans.ttf", 0), ("DejaVuSans-Oblique.ttf", 10)])
def test_slant_whichever_way_the_line_runs(font: str, slant: float) -> None:
    level = pictures.words("Summer Nights", height=38, font=font)
    for picture, vertical in [(level, 0), (level.rotate(90), 1), (level.rotate(-90), 1)]:
        values = typography([line(picture)], np.asarray(picture))
        assert values["slant"] == pytest.approx(slant, abs=5)
        assert values["vertical_share"] == vertical


def test_weight_and_spacing() -> None:
    thin, bold = values_of("Summer", font="DejaVuSans.ttf"), values_of("Summer", font="DejaVuSans-Bold.ttf")
    assert bold["weight"] > 1.2 * thin["weight"]
    wide = values_of("S u m m e r", font="DejaVuSans.ttf")
    assert wide["letter_gap"] > 2 * thin["letter_gap"]
    assert wide["letter_width"] > 1.2 * thin["letter_width"]


def test_capitals_place_and_spread_of_typefaces() -> None:
    picture = Image.new("RGB", (300, 300), "white")
    upper = pictures.words("BIG HITS", height=38, size=(300, 80), font="DejaVuSans-Bold.ttf")
    lower = pictures.words("small 99", height=18, size=(300, 80), font="cmti10.ttf")
    picture.paste(upper, (0, 0))
    picture.paste(lower, (0, 220))
    first, second = line(upper, "BIG HITS"), line(lower, "small 99")
    second = second._replace(box=[[x, y + 220] for x, y in second.box])
    values = typography([first, second], np.asarray(picture))
    assert values["lines"] == 2
    assert values["capitals_share"] == pytest.approx(7 / 12)
    assert values["digits_share"] == pytest.approx(2 / 14)
    assert values["top_share"] > values["bottom_share"] > 0
    assert values["height_spread"] > 0.1
    assert values["typeface_spread"] > 0.05 > typography([first], np.asarray(picture))["typeface_spread"]


def test_without_text_nothing_is_known() -> None:
    blank = np.zeros((50, 50, 3), np.uint8)
    none = typography([], blank)
    assert list(none) == list(TYPOGRAPHY_COLUMNS)
    assert none.pop("lines") == 0
    assert np.isnan(list(none.values())).all()
    assert np.isnan(list(typography(None, blank).values())).all()


def test_a_box_without_ink_gives_what_it_can() -> None:
    blank = np.full((50, 50, 3), 128, np.uint8)
    values = typography([Line("?", 0.2, [[0, 0], [20, 0], [20, 9], [0, 9]])], blank)
    assert values["lines"] == 1
    assert np.isnan(values["contrast"])
