"""Layout of boxes whose places are known."""

import numpy as np
import pytest

from coverfusion.features.text.layout import LAYOUT_COLUMNS, layout
from coverfusion.features.text.lines import Line


def test_layout_against_known_boxes() -> None:
    def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
        return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]

    # two boxes that overlap, one of them reaching outside, in a picture of 100 x 200 (height x width)
    lines = [Line("one two", 0.9, box(-10, 0, 99, 49)), Line("three", 0.5, box(0, 0, 99, 19))]
    values = layout(lines, np.zeros((100, 200, 3), np.uint8))
    assert list(values) == list(LAYOUT_COLUMNS)
    assert values["words"] == 3
    assert values["area_share"] == pytest.approx(0.25)  # the union
    assert values["confidence_mean"] == pytest.approx(0.7)
    assert values["height_max"] == pytest.approx(0.49)
    assert (values["center_x"], values["center_y"]) == pytest.approx((0.25, 0.25))
