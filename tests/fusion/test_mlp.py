"""The small network on blocks: what its seed decides."""

import itertools

import torch

from coverfusion.fusion.registry import create
from tests.helpers.planted import planted


def test_neighbouring_seeds_share_no_network() -> None:
    X, y, groups = planted(60)
    networks = [
        network.state_dict()
        for seed in (0, 1)
        for network in create("mlp", members=2, max_epochs=1, random_state=seed)
        .fit(X, y, groups=groups)
        .networks_
    ]
    for first, second in itertools.combinations(networks, 2):
        assert not any(
            torch.equal(first[name], second[name])
            for name in first
            if name.endswith("weight") and first[name].ndim > 1
        )
