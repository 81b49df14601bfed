"""Networks cut into stages, and the trainable EfficientNet-Lite beside the one for inference."""

from pathlib import Path

import pytest
import torch

from coverfusion.data.errors import UserError
from coverfusion.features.cnn import Cnn
from coverfusion.features.networks.backbone import load_backbone, stages_of
from coverfusion.features.networks.lite_torch import LiteOutputs
from coverfusion.features.networks.lite_trunk import LiteTrunk

LITE = "efficientnet-lite0"


def stages(name: str) -> tuple[torch.nn.Module, list[list[str]]]:
    """The network and its stages, without weights or arithmetic."""
    with torch.device("meta"):
        backbone = load_backbone(name, pretrained=False)
    return backbone.trunk, backbone.stages


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "timm/resnet18"])
def test_a_resnet_is_a_stem_and_four_layers(name: str) -> None:
    _, found = stages(name)
    assert found == [["conv1", "bn1"], ["layer1"], ["layer2"], ["layer3"], ["layer4"]]


def test_a_vision_transformer_is_its_tokens_and_its_blocks() -> None:
    _, found = stages("vit_b_16")
    assert found[0] == ["class_token", "conv_proj", "encoder.pos_embedding"]
    blocks = [[f"encoder.layers.encoder_layer_{n}"] for n in range(11)]
    assert found[1:12] == blocks
    assert found[12] == ["encoder.layers.encoder_layer_11", "encoder.ln"]


def test_torchvisions_efficientnet_is_its_nine_features() -> None:
    _, found = stages("efficientnet_b0")
    assert found == [[f"features.{n}"] for n in range(9)]


def test_timms_stem_and_head_keep_their_norms() -> None:
    _, found = stages("timm/efficientnet_b0")
    assert found[0] == ["conv_stem", "bn1"]
    assert found[1:7] == [[f"blocks.{n}"] for n in range(6)]
    assert found[7:] == [["blocks.6", "conv_head", "bn2"]]


@pytest.mark.parametrize(
    "name", ["resnet50", "vit_b_16", "efficientnet_b0", "convnext_tiny", "timm/vit_tiny_patch16_224", LITE]
)
def test_each_parameter_is_in_one_stage_and_stages_follow_the_picture(name: str) -> None:
    network, found = stages(name)
    parts = [(part, number) for number, stage in enumerate(found) for part in stage]
    of = [
        [n for part, n in parts if p == part or p.startswith(f"{part}.")]
        for p, _ in network.named_parameters()
    ]
    assert all(len(numbers) == 1 for numbers in of)
    order = [numbers[0] for numbers in of]
    assert order == sorted(order)
    assert set(order) == set(range(len(found)))
    assert len(found) >= 5


def test_the_largest_of_few_parts_is_looked_into() -> None:
    inner = torch.nn.Sequential(*[torch.nn.Sequential(torch.nn.Linear(4, 4)) for _ in range(4)])
    network = torch.nn.ModuleDict(
        {"stem": torch.nn.Linear(3, 4), "body": inner, "norm": torch.nn.LayerNorm(4), "pool": torch.nn.ReLU()}
    )
    assert stages_of(network) == [["stem"], ["body.0"], ["body.1"], ["body.2"], ["body.3", "norm"]]


def test_it_says_width_size_and_normalisation() -> None:
    with torch.device("meta"):
        backbone = load_backbone("resnet18", pretrained=False)
        assert backbone.trunk(torch.empty(2, 3, 64, 64)).shape == (2, backbone.width) == (2, 512)
    assert backbone.size == 224
    assert backbone.mean == pytest.approx((0.485, 0.456, 0.406))
    lite = load_backbone(LITE)
    assert (lite.size, lite.width) == (224, 1568)
    assert load_backbone(LITE, layers="final").width == 1280
    assert lite.mean == (127 / 255,) * 3
    assert lite.std == (128 / 255,) * 3


def test_weights_that_are_not_here_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"backbone 'resnet18'.*weights fetch"):
        load_backbone("resnet18")
    with pytest.raises(UserError, match="Did you mean"):
        load_backbone("resnet_18", pretrained=False)


@pytest.fixture(scope="module")
def packaged() -> Path:
    path = Cnn(model=LITE).weights()[0].path
    assert path is not None
    return path


@pytest.mark.parametrize("size", [64, 65, 97])
@pytest.mark.parametrize("layers", ["final", "stages"])
def test_the_trainable_lite_gives_what_the_one_for_inference_gives(
    packaged: Path, size: int, layers: str
) -> None:
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    final, pooled, _ = LiteOutputs(LITE, packaged, size)(x)
    expected = pooled if layers == "stages" else final
    trunk = LiteTrunk(LITE, packaged, layers).eval()
    assert torch.allclose(trunk(x), expected, atol=1e-4)
    assert expected.shape[1] == trunk.width


def test_stages_have_a_gradient_where_a_picture_is_one_colour(packaged: Path) -> None:
    trunk = LiteTrunk(LITE, packaged, "stages").eval()
    trunk(torch.zeros(1, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trunk.parameters())
    assert trunk.stages()[-1] == ["model._blocks.15"]


def test_only_efficientnet_lite_gives_stages() -> None:
    with pytest.raises(ValueError, match="with an EfficientNet-Lite"):
        load_backbone("resnet18", pretrained=False, layers="stages")
    with pytest.raises(ValueError, match="layers must be"):
        load_backbone(LITE, layers="all")


def plain_at(size: int, path: Path) -> torch.nn.Module:
    """The package's own model for pictures of this size."""
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_pretrained(LITE, weights_path=str(path), image_size=size).eval()


def test_gradients_are_those_of_the_plain_model(packaged: Path) -> None:
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    trunk, plain = LiteTrunk(LITE, packaged).eval(), plain_at(64, packaged)
    (trunk(x) ** 2).sum().backward()
    (plain.extract_features(x).mean((2, 3)) ** 2).sum().backward()
    for name, ours in trunk.model.named_parameters():
        theirs = plain.get_parameter(name)
        assert ours.grad is not None, name
        assert theirs.grad is not None, name
        scale = theirs.grad.abs().max()
        assert (ours.grad - theirs.grad).abs().max() < 1e-3 * scale, name


def test_trained_batch_norms_are_the_package_models(packaged: Path) -> None:
    x = torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(3))
    trunk, plain = LiteTrunk(LITE, packaged).eval(), plain_at(96, packaged)
    for module in (*trunk.modules(), *plain.modules()):
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
    with torch.no_grad():
        found, expected = trunk(x), plain.extract_features(x).mean((2, 3))
    assert (found - expected).abs().max() < 1e-3 * expected.abs().max()
    for name, statistic in trunk.model.named_buffers():
        assert torch.allclose(statistic, plain.get_buffer(name), atol=1e-3, rtol=1e-3), name
