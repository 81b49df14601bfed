import numpy as np
import pytest

from fusion.calibration import inverse_temperature


def test_factor_of_two_certain_scores_with_one_mistake_in_four():
    # all four rows score (0, 3); the second class is right in three: softmax(3 b) is 3/4 for b = ln 3 / 3
    scores = np.tile([0.0, 3.0], (4, 1))
    assert inverse_temperature(scores, np.array([1, 1, 1, 0])) == pytest.approx(np.log(3) / 3, rel=1e-4)


def test_weights_count_as_copies():
    scores = np.tile([0.0, 3.0], (2, 1))
    found = inverse_temperature(scores, np.array([1, 0]), np.array([3.0, 1.0]))
    assert found == pytest.approx(np.log(3) / 3, rel=1e-4)
