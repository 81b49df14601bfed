import numpy as np
import pytest
import torch

from coverfusion.fusion.networks.losses import (
    binary_focal_loss,
    binary_targets,
    focal_loss,
    soft_targets,
    told,
)

SCORES = torch.log(torch.tensor([[0.8, 0.2], [0.4, 0.6]]))
TRUE = torch.tensor([0, 0])


def test_focal_loss_by_hand():
    # p of the true class: 0.8 and 0.4; (1 - p)^2 * -ln p
    expected = (0.2**2 * -np.log(0.8) + 0.6**2 * -np.log(0.4)) / 2
    assert float(focal_loss(SCORES, soft_targets(TRUE, 2), torch.ones(2), gamma=2.0)) == pytest.approx(
        expected, rel=1e-5
    )


def test_gamma_zero_is_weighted_cross_entropy():
    weight = torch.tensor([3.0, 1.0])
    expected = (3 * -np.log(0.8) + -np.log(0.4)) / 4
    assert float(focal_loss(SCORES, soft_targets(TRUE, 2), weight)) == pytest.approx(expected, rel=1e-5)


def test_smoothing_spreads_a_share_over_all_classes():
    np.testing.assert_allclose(soft_targets(torch.tensor([1]), 4, 0.2), [[0.05, 0.85, 0.05, 0.05]])


def test_mixed_pictures_count_for_both_genres():
    shares = torch.tensor([[0.25, 0.75]])
    expected = -(0.25 * np.log(0.8) + 0.75 * np.log(0.2))
    assert float(focal_loss(SCORES[:1], soft_targets(shares, 2), torch.ones(1))) == pytest.approx(expected)


# logits of 0.8, 0.5 and 0.1 to have each of three genres
BINARY = torch.logit(torch.tensor([[0.8, 0.5, 0.1]]))
HAS = torch.tensor([[1, 0, 0]])


def test_binary_focal_loss_by_hand():
    plain = -(np.log(0.8) + np.log(0.5) + np.log(0.9)) / 3
    one = torch.ones(1)
    assert float(binary_focal_loss(BINARY, binary_targets(HAS), one)) == pytest.approx(plain, rel=1e-5)
    focal = -(0.2**2 * np.log(0.8) + 0.5**2 * np.log(0.5) + 0.1**2 * np.log(0.9)) / 3
    assert float(binary_focal_loss(BINARY, binary_targets(HAS), one, 2.0)) == pytest.approx(focal, rel=1e-5)
    np.testing.assert_allclose(binary_targets(HAS, 0.2), [[0.9, 0.1, 0.1]])


def test_a_row_of_several_genres_is_right_where_all_are():
    scores = torch.tensor([[2.0, -1.0], [2.0, 1.0]])
    loss, right = told(scores, torch.tensor([[1, 0], [1, 0]]))
    assert right == 1
    p = 1 / (1 + np.exp(-np.array([2.0, 1.0])))
    assert loss == pytest.approx(-(np.log(p[0] * p[1]) + np.log(p[0] * (1 - p[1]))) / 2, rel=1e-5)
    assert told(scores, torch.tensor([0, 1]))[1] == 1
