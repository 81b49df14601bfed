"""The rule of confident learning against values that were computed by hand."""

import numpy as np

from coverfusion.experiments.evaluation.confident_learning import (
    confident_classes,
    doubtful_labels,
    label_margins,
)

# labels 0, 0, 0, 1, 1, 1: thresholds are (.9 + .6 + .3) / 3 = .6 and (.8 + .7 + .1 ) / 3 = .533
PROBA = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.3, 0.7], [0.9, 0.1]])
Y = np.array([0, 0, 0, 1, 1, 1])


def test_thresholds_are_what_is_usual_for_a_genre() -> None:
    assert confident_classes(PROBA, Y).tolist() == [0, 0, 1, 1, 1, 0]
    # thresholds .7 and .45: the second row reaches neither
    assert confident_classes(
        np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9], [1.0, 0.0]]), np.array([0, 0, 1, 1])
    ).tolist() == [
        0,
        -1,
        1,
        0,
    ]


def test_doubtful_labels_and_their_margins() -> None:
    assert np.flatnonzero(doubtful_labels(PROBA, Y)).tolist() == [2, 5]
    np.testing.assert_allclose(label_margins(PROBA, Y)[[2, 5]], [-0.4, -0.8])


def test_a_label_that_is_predicted_is_never_doubtful() -> None:
    # thresholds .85 and .2: the last row reaches the second genre alone, but is predicted as labelled
    proba = np.array([[0.95, 0.05], [0.75, 0.25], [0.8, 0.2]])
    assert confident_classes(proba, np.array([0, 0, 1])).tolist() == [0, 1, 1]
    assert not doubtful_labels(proba, np.array([0, 0, 1])).any()
