import numpy as np
import pytest
import torch

from coverfusion.fusion.networks.losses import focal_loss, soft_targets

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
