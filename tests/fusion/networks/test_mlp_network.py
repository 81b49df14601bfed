import torch

from coverfusion.fusion.networks.mlp_network import device_of, logits, new_network


def test_a_missing_block_is_not_looked_at():
    network = new_network([3, 2], n_classes=4, adapter=8, hidden=8, dropout=0.5, seed=0).eval()
    torch.nn.init.normal_(network["missing"][1])
    a = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    gone = torch.tensor([[False, True]] * 5)
    first = logits(network, [a, torch.zeros(5, 2)], gone)
    assert torch.equal(first, logits(network, [a, torch.full((5, 2), 7.0)], gone))
    assert not torch.equal(first, logits(network, [a + 1, torch.zeros(5, 2)], gone))
    assert not torch.equal(first, logits(network, [a, torch.zeros(5, 2)], ~gone & False))


def test_seed_makes_the_first_weights_and_leaves_torch_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = new_network([3], 2, 4, 4, 0.0, seed=1)
    assert torch.equal(torch.rand(1), expected)
    again, other = new_network([3], 2, 4, 4, 0.0, seed=1), new_network([3], 2, 4, 4, 0.0, seed=2)
    assert torch.equal(first["adapters"][0][0].weight, again["adapters"][0][0].weight)
    assert not torch.equal(first["adapters"][0][0].weight, other["adapters"][0][0].weight)


def test_auto_device_exists():
    assert torch.ones(1, device=device_of("auto")).item() == 1
    assert device_of("cpu").type == "cpu"
