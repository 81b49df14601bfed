"""The network of joint, by hand: what is missing does not count, gates, attention, answers alone."""

import pytest
import torch
from torch import nn

from coverfusion.features.networks.backbone import Backbone
from coverfusion.fusion.networks.image_network import ImageNetwork
from coverfusion.fusion.networks.joint_network import FUSIONS, JointNetwork, probabilities

N = 5
WIDTHS = [2, 3]


def _image() -> ImageNetwork:
    """Its embedding is the mean colour, 0-255."""
    trunk = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return ImageNetwork(Backbone(trunk, [["0"], ["1"]], 3, 8, (0, 0, 0), (1 / 255,) * 3), 4, 0.0)


def _network(fusion: str = "gated", picture: bool = True, block_dropout: float = 0.5) -> JointNetwork:
    return JointNetwork(
        _image() if picture else None,
        WIDTHS,
        4,
        adapter=8,
        hidden=6,
        fusion=fusion,
        dropout=0.0,
        block_dropout=block_dropout,
        seed=1,
    )


def _batch() -> dict[str, torch.Tensor]:
    """The first cover lacks the second block, the second its picture, the third everything."""
    torch.manual_seed(0)
    gone = torch.zeros(N, 2, dtype=torch.bool)
    gone[0, 1] = gone[2] = True
    lost = torch.tensor([False, True, True, False, False])
    picture = torch.randint(0, 256, (N, 3, 8, 8)).float()
    return {"blocks": torch.randn(N, 5), "gone": gone, "picture": picture, "no_picture": lost}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_is_missing_is_not_looked_at(fusion: str) -> None:
    network, batch = _network(fusion), _batch()
    other = {name: value.clone() for name, value in batch.items()}
    other["blocks"][0, 2:] = other["blocks"][2] = torch.nan
    other["picture"][1:3] = torch.nan
    torch.manual_seed(1)
    plain = network(batch)
    torch.manual_seed(1)  # the same blocks are dropped
    changed = network(other)
    for one, two in zip(plain, changed, strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    torch.stack(changed).sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


def test_each_block_and_the_picture_answer_alone_after_the_answer() -> None:
    network, batch = _network().eval(), _batch()
    found = network(batch)
    assert [part.shape for part in found] == [(N, 4)] * (1 + len(WIDTHS) + 1)
    means = batch["picture"].mean((2, 3))
    torch.testing.assert_close(found[3][[0, 3, 4]], network.image.head(means[[0, 3, 4]]))
    token = network.adapters[0](batch["blocks"][3, :2])
    torch.testing.assert_close(found[1][3], network.alone[0](token))
    torch.testing.assert_close(found[1][2], network.alone[0](network.missing[0]))
    without = _network(picture=False)({"blocks": batch["blocks"], "gone": batch["gone"]})
    assert len(without) == 3
    assert network.stages == [["image.trunk.0"], ["image.trunk.1"]]
    assert _network(picture=False).stages == []


def test_concatenation_has_the_learnt_vector_in_place_of_what_is_missing() -> None:
    network, batch = _network("concat").eval(), _batch()
    with torch.no_grad():
        network.missing.copy_(torch.arange(24.0).view(3, 8))
    seen = network.adapters[0](batch["blocks"][:1, :2])
    picture = network.adapters[2](batch["picture"][:1].mean((2, 3)))
    expected = network.head(torch.cat([seen, network.missing[1:2], picture], dim=1))
    torch.testing.assert_close(network(batch)[0][:1], expected)


def test_gates_sum_to_one_over_what_is_there() -> None:
    network = _network("gated")
    tokens, gone = torch.randn(N, 3, 8), torch.zeros(N, 3, dtype=torch.bool)
    gone[0, 1], gone[1, 1:] = True, True
    gates = network.weights(tokens, gone)
    torch.testing.assert_close(gates.sum(dim=1), torch.ones(N, 8))
    assert (gates[gone] == 0).all()
    assert (gates[~gone] > 0).all()
    torch.testing.assert_close(network.fused(tokens, gone)[1], tokens[1, 0])  # one is left: all of it
    with torch.no_grad():
        for parameter in network.gates.parameters():
            parameter.zero_()
    torch.testing.assert_close(network.fused(tokens, gone)[0], tokens[0, [0, 2]].mean(dim=0))


def test_attention_passes_over_what_is_missing() -> None:
    network = _network("attention").eval()
    tokens, gone = torch.randn(N, 3, 8), torch.zeros(N, 3, dtype=torch.bool)
    gone[:, 1] = True
    found = network.fused(tokens, gone)
    torch.testing.assert_close(found, network.fused(tokens[:, [0, 2]], gone[:, [0, 2]]))
    assert (found - network.fused(tokens, torch.zeros_like(gone))).abs().max() > 1e-4


def test_dropped_blocks_leave_the_answers_alone_and_something_of_each_cover() -> None:
    batch = _batch()
    always = _network("concat", block_dropout=1.0)
    torch.testing.assert_close(always(batch), always.eval()(batch))  # all would be dropped: nothing is
    some = _network("concat", block_dropout=0.5)
    torch.manual_seed(3)
    dropped, kept = some.train()(batch), some.eval()(batch)
    assert (dropped[0] - kept[0]).abs().max() > 1e-3
    torch.testing.assert_close(dropped[1:], kept[1:])


def test_embeddings_stand_for_pictures() -> None:
    network, batch = _network("attention").eval(), _batch()
    given = {name: value for name, value in batch.items() if name != "picture"}
    found = probabilities(network, given | {"embedding": batch["picture"].mean((2, 3))})
    expected = torch.softmax(network(batch)[0].double(), dim=1)
    torch.testing.assert_close(torch.from_numpy(found), expected.detach())


def test_a_fusion_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="fusion must be one of concat, gated, attention, not 'sum'"):
        _network("sum")
    with pytest.raises(ValueError, match="adapter must be a multiple of 4"):
        JointNetwork(
            None, [2], 2, adapter=6, hidden=2, fusion="attention", dropout=0, block_dropout=0, seed=0
        )
