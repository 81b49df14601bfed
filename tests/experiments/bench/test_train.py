"""Both sides of the training bench learn the same parameters from the same losses."""

from pathlib import Path

import numpy as np
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.bench.train import TorchvisionNetwork, bench_train, loss_gap, randomise_head
from coverfusion.features.networks.backbone import load_backbone
from coverfusion.fusion.networks.image_network import ImageNetwork
from coverfusion.fusion.networks.learning_rate import parameter_groups
from tests.helpers.pictures import noise, save_folders
from tests.helpers.tinted import examples, recipe

LITE = "efficientnet-lite0"


def test_both_sides_have_the_same_losses_and_learn_the_same_parameters() -> None:
    backbone = load_backbone(LITE, layers="final")
    ours = ImageNetwork(backbone, 2, 0.0)
    randomise_head(ours)
    plain = TorchvisionNetwork(ours, load_backbone(LITE, layers="final"), 3)
    assert loss_gap(ours, plain, backbone, examples(8), 64) < 1e-4
    parameter_groups(ours, recipe(frozen_stages=3), 1e-3)
    learnt = [
        {name.replace("head.1", "head"): p.numel() for name, p in side.named_parameters() if p.requires_grad}
        for side in (ours, plain)
    ]
    assert learnt[0] == learnt[1]
    assert 5 < len(learnt[0]) < len(list(plain.parameters()))


def test_both_sides_are_measured_in_each_round(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    genres = {g: [noise(n, (40, 40)) for n in k] for g, k in {"dub": range(9), "opera": range(9, 18)}.items()}
    folder = save_folders(tmp_path / "c", genres)
    frame = bench_train(folder, covers=16, rounds=2, image_size=32, frozen_stages=8)
    assert len(frame) == 2
    np.testing.assert_allclose(frame["ratio"], frame["ours"] / frame["plain"])
    for side in ("ours", "plain"):
        assert (frame[side] <= frame[f"model_{side}"]).all()
        assert (frame[f"loader_{side}"] > 0).all()
        np.testing.assert_allclose(1 - frame[f"waiting_{side}"], frame[side] / frame[f"model_{side}"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "waiting for data" in printed
    assert "over rounds)" in printed
    assert "16 covers in 2 rounds" in printed
    with pytest.raises(UserError, match="has 18 usable covers"):
        bench_train(folder, covers=64)
