"""The CLIP block through the real open_clip, with a tiny model saved in the test."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.features.clip import Clip
from coverfusion.features.registry import create, missing_weights

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model as open_clip saves one: its config and its weights in a folder."""
    torch.manual_seed(5)
    folder = tmp_path_factory.mktemp("tiny-clip")
    model = open_clip.CLIP(**TINY)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": {}}))
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


@pytest.fixture
def tiny_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The same architecture made known to open_clip by name, for this test only."""
    monkeypatch.setattr("open_clip.factory._MODEL_CONFIG_PATHS", list(open_clip.factory._MODEL_CONFIG_PATHS))
    monkeypatch.setattr("open_clip.factory._MODEL_CONFIGS", dict(open_clip.factory._MODEL_CONFIGS))
    (tmp_path / "tiny-test.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(tmp_path / "tiny-test.json")
    return "tiny-test"


@pytest.fixture
def pictures() -> list[Image.Image]:
    random = np.random.default_rng(0)
    return [Image.fromarray(random.integers(0, 256, (60, 80, 3), np.uint8)) for _ in range(3)]


def test_the_embedding_has_length_one_and_each_set_adds_up(tiny_folder: Path, pictures: list) -> None:
    clip = Clip(checkpoint=str(tiny_folder))
    found = dict(zip(clip.columns, clip(pictures).T, strict=True))
    embedding = np.array([found[f"embedding_{i:04d}"] for i in range(16)])
    assert np.linalg.norm(embedding, axis=0) == pytest.approx([1, 1, 1], abs=1e-5)
    for prefix, count in (("genre_", 15), ("style_", 5), ("people_", 3)):
        shares = np.array([values for name, values in found.items() if name.startswith(prefix)])
        assert len(shares) == count
        assert shares.sum(axis=0) == pytest.approx([1, 1, 1], abs=1e-5)


def test_the_numbers_are_open_clips_own(tiny_folder: Path, pictures: list) -> None:
    labels = {"cat": "a cat", "dog": "a dog", "bird": "a bird"}
    clip = Clip(checkpoint=str(tiny_folder), genres=[], prompts={"animal": labels})
    found = clip(pictures)

    # as open_clip's README does it
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tiny_folder}")
    model.eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{tiny_folder}")(list(labels.values()))
    with torch.no_grad():
        image = model.encode_image(torch.stack([preprocess(picture) for picture in pictures]))
        text = model.encode_text(tokens)
        image /= image.norm(dim=-1, keepdim=True)
        text /= text.norm(dim=-1, keepdim=True)
        expected = (model.logit_scale.exp() * image @ text.T).softmax(dim=-1)
    assert list(clip.columns[16:]) == ["animal_cat", "animal_dog", "animal_bird"]
    assert np.allclose(found[:, :16], image.numpy(), atol=1e-5)
    assert np.allclose(found[:, 16:], expected.numpy(), atol=1e-4)


def test_a_weight_file_with_an_architecture_by_name(
    tiny_folder: Path, tiny_architecture: str, pictures: list
) -> None:
    file = tiny_folder / "open_clip_pytorch_model.bin"
    by_name = create("clip", model=tiny_architecture, checkpoint=str(file))
    assert np.allclose(by_name(pictures), Clip(checkpoint=str(tiny_folder))(pictures), atol=1e-5)


def test_genres_from_the_config_become_columns(tiny_folder: Path) -> None:
    clip = Clip(checkpoint=str(tiny_folder), genres=["Hip Hop", "R&B"])
    assert [c for c in clip.columns if c.startswith("genre")] == ["genre_hip_hop", "genre_r_b"]
    assert "an album cover of Hip Hop music" in clip.describe()["genre_hip_hop"]
    assert clip.fingerprint() != Clip(checkpoint=str(tiny_folder)).fingerprint()


def test_the_packaged_preset_says_what_to_do() -> None:
    clip = create("clip")
    message = str(missing_weights(clip))
    assert "checkpoint" in message
    assert "hub" in message
    assert "\n" not in message
    with pytest.raises(UserError, match="checkpoint"):
        clip([Image.new("RGB", (64, 64))])


def test_the_hub_preset_looks_into_the_cache_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    clip = create("clip", preset="hub")
    (weights,) = clip.weights()
    assert not weights.ready()
    assert weights.source == "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    assert weights.megabytes == pytest.approx(605, abs=2)  # 151.3 million float32
    assert weights.fetch is not None

    repository = tmp_path / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K"
    file = repository / "snapshots" / "abc" / "open_clip_model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert clip.weights()[0].path == file


def test_unknown_models_and_weights_name_their_neighbours() -> None:
    with pytest.raises(UserError, match="laion2b_s34b_b79k"):
        create("clip", preset="hub", pretrained="laion2b_s34b_b79").weights()
    with pytest.raises(UserError, match="ViT-B-32"):
        _ = create("clip", model="ViT-B-23").columns


@pytest.mark.parametrize(
    ("genres", "prompts"),
    [
        (["Hip Hop", "hip-hop"], {}),
        ([], {"style": {}}),
        (["Rock"], {"genre": {"pop": "pop"}}),
    ],
)
def test_prompts_that_cannot_become_columns(genres: list[str], prompts: dict) -> None:
    with pytest.raises(UserError, match=r"prompts|genres"):
        create("clip", genres=genres, prompts=prompts)


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    file.write_text("not weights")
    with pytest.raises(UserError, match=r"weights\.bin does not load"):
        Clip(checkpoint=str(file))([Image.new("RGB", (64, 64))])
    assert "nothing at" in str(missing_weights(Clip(checkpoint=str(tmp_path / "absent.pt"))))
