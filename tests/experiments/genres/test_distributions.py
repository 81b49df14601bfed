"""Histograms small enough to count."""

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.genres.distributions import MOST_BINS, bars, distribution_chart, distributions


def test_counts_have_a_bar_each_and_one_for_the_many() -> None:
    found = bars(np.array([0, 0, 1, 7.0]), np.array([0, 5.0]), counts=True)
    assert [bar.label for bar in found] == ["0", "1", "2", "3", "4", "5+"]
    assert [bar.own for bar in found] == [0.5, 0.25, 0, 0, 0, 0.25]
    assert [bar.others for bar in found] == [0.5, 0, 0, 0, 0, 0.5]


def test_measures_share_their_bins_and_the_last_holds_the_tail() -> None:
    own, others = np.linspace(0, 1, 200), np.r_[np.linspace(0, 1, 199), 50.0]
    found = bars(own, others, counts=False)
    assert len(found) <= MOST_BINS
    assert [bar.low for bar in found[:3]] == [0.0, 0.1, 0.2]  # of 200 covers about 12 bins, on round values
    assert sum(bar.own for bar in found) == pytest.approx(1)
    assert sum(bar.others for bar in found) == pytest.approx(1)
    assert found[-1].high <= 1.0  # one value far out does not stretch the axis
    assert [bar.high for bar in found[:-1]] == [bar.low for bar in found[1:]]


def test_only_what_was_measured_is_shown() -> None:
    values = pd.DataFrame(
        {
            "color.brightness": [0.2, 0.4, 0.9, np.nan],
            "people.face_count": [0.0, 2.0, 0.0, 4.0],
            "people.person_count": [np.nan] * 4,
            "color.entropy": [1.0, 2.0, 3.0, 4.0],
        }
    )
    found = distributions(values, {"people.face_count": "faces found"}, np.array([True, True, False, False]))
    assert [one.title for one in found] == ["Brightness", "Faces"]
    brightness, faces = found
    assert (brightness.own, brightness.others) == (pytest.approx(0.3), pytest.approx(0.9))
    assert (faces.own, faces.others) == (1.0, 2.0)  # means, of counts
    assert faces.none == (0.5, 0.5)
    assert faces.meaning == "faces found"


def test_few_covers_have_few_bins() -> None:
    rng = np.random.default_rng(0)
    few, many = (len(bars(*rng.uniform(size=(2, n)), counts=False)) for n in (12, 1000))
    assert few <= 6 < 10 <= many


def test_a_last_tick_has_a_plus_only_where_something_lies_beyond() -> None:
    def last(values: np.ndarray) -> str:
        frame = pd.DataFrame({"ocr.area_share": values})
        (one,) = distributions(frame, {}, np.arange(len(values)) % 2 == 0)
        return distribution_chart(one, "Jazz").x_ticks[-1][1]

    assert last(np.linspace(0, 1, 16)) == "1"  # no cover has more than all of itself under text
    for most in (0.7, 0.75, 0.8, 0.85, 0.9, 0.95):  # a multiple of the ticks' step or not
        assert last(np.r_[np.linspace(0, most, 600), 1.0]).endswith("+")


def test_one_value_for_all_is_no_trouble() -> None:
    found = bars(np.array([3.0]), np.array([3.0, 3.0]), counts=False)
    assert found[0].own == found[0].others == 1
