"""What the recogniser sees of letters: the typeface, not the words; lines weighed by area and confidence."""

import numpy as np
import pytest

from coverfusion.features.ocr import Ocr
from coverfusion.features.text.letterforms import LETTERFORM_WIDTH, of_cover, of_line
from coverfusion.features.text.lines import Line
from tests.helpers.pictures import words


def _line(width: float, height: float, confidence: float) -> Line:
    return Line("A", confidence, [[0, 0], [width, 0], [width, height], [0, height]])


def test_means_and_spreads_of_the_line_itself_by_hand() -> None:
    early, late = np.zeros((96, 2, 4), np.float32), np.zeros((192, 1, 4), np.float32)
    early[0, :, :2] = [[1, 3], [1, 3]]
    early[0, :, 2:] = 99  # padding
    late[1, :, :2] = [[5, 5]]
    found = of_line([early, late], 0.5)
    assert found.shape == (LETTERFORM_WIDTH,)
    assert found[0] == 2
    assert found[96] == 1
    assert found[2 * 96 + 1] == 5
    assert np.count_nonzero(found) == 3


def test_large_and_sure_lines_count_more() -> None:
    looks = [np.full(LETTERFORM_WIDTH, value, np.float32) for value in (1, 5)]
    found = of_cover([_line(30, 10, 1.0), _line(10, 20, 0.5)], looks)
    assert found == pytest.approx((1 * 300 + 5 * 100) / 400, abs=1e-4)
    assert np.isnan(of_cover([], [])).all()


@pytest.mark.slow
def test_typefaces_are_told_apart_whatever_the_words() -> None:
    fonts = ("DejaVuSans-Bold.ttf", "STIXGeneralItalic.ttf")
    said = [(word, font) for font in fonts for word in ("GARDEN", "Monday", "Quartz", "LOUIS")]
    pictures = [words(word, "black", "white", 48, (300, 300), font=font) for word, font in said]
    looks = Ocr()(pictures)[:, -LETTERFORM_WIDTH:]
    looks = (looks - looks.mean(axis=0)) / (looks.std(axis=0) + 1e-6)
    bold, italic = looks[:4], looks[4:]
    # the means of two words in one typeface are nearer to its other words than to those in the other one
    for own, other in ((bold, italic), (italic, bold)):
        near = np.linalg.norm(own[:2].mean(axis=0) - own[2:].mean(axis=0))
        far = np.linalg.norm(own[:2].mean(axis=0) - other[2:].mean(axis=0))
        assert near < far
