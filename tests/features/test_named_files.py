"""Which weight files a bundle, an index or a run folder may read: those that the user has named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.scoring.score import same_extractors
from coverfusion.features.named_files import check_named, forget_named_files, name_files
from coverfusion.features.registry import create
from coverfusion.features.table import Made


@pytest.fixture(autouse=True)
def nothing_named() -> Iterator[None]:
    """No test sees what another has named."""
    forget_named_files()
    yield
    forget_named_files()


def made(**parameters: Any) -> dict[str, Made]:
    return {"clip": {"fingerprint": "clip-1", "preset": "packaged", "parameters": parameters}}


@pytest.mark.parametrize(
    ("block", "parameter"),
    [("clip", "checkpoint"), ("cnn", "checkpoint"), ("people", "checkpoint"), ("ocr", "text_model")],
)
def test_a_file_must_have_been_named(tmp_path: Path, block: str, parameter: str) -> None:
    place = tmp_path / "models" / "weights"
    place.mkdir(parents=True)
    with pytest.raises(UserError, match=f"--checkpoint {place}"):
        check_named(block, {parameter: str(place)}, "This bundle")
    name_files([tmp_path / "models"])
    check_named(block, {parameter: str(place)}, "This bundle")
    with pytest.raises(UserError, match="would read"):
        check_named(block, {parameter: str(tmp_path / "models" / ".." / ".." / tmp_path.name)}, "This bundle")


def test_a_link_is_followed_before_it_is_compared(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "private").write_text("x")
    (tmp_path / "mine" / "weights").symlink_to(tmp_path / "private")
    name_files([tmp_path / "mine"])
    with pytest.raises(UserError, match="private"):
        check_named("clip", {"checkpoint": str(tmp_path / "mine" / "weights")}, "This bundle")


def test_a_bundle_that_names_a_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(b"")
    with pytest.raises(UserError, match="would read"):
        same_extractors(made(checkpoint=str(file)))


def test_a_config_of_ones_own_names_its_files(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(b"")
    blocks = {"clip": {"checkpoint": str(file)}}
    make_config("A run's config", run_plugins=False, collection=tmp_path, blocks=blocks)
    with pytest.raises(UserError, match="would read"):
        check_named("clip", blocks["clip"], "This bundle")
    make_config("Config", collection=tmp_path, blocks=blocks)
    check_named("clip", blocks["clip"], "This bundle")


def test_names_that_are_no_files_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Rock").mkdir()
    check_named("clip", {"genres": ["Rock"], "model": "Rock", "checkpoint": None}, "This bundle")
    check_named("ocr", {"text_model": "all-MiniLM-L6-v2"}, "This bundle")
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    with pytest.raises(UserError, match="would read"):
        check_named("ocr", {"text_model": "all-MiniLM-L6-v2"}, "This bundle")


@pytest.mark.parametrize(
    "parameters",
    [
        {"name": "x"},
        {"prompts": 5},
        {"genres": "Rock"},
        {"prompts": {"a": []}},
        {"checkpoint": 3},
    ],
)
def test_parameters_of_a_wrong_shape_are_refused_in_words(parameters: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="clip"):
        same_extractors(made(**parameters))
    with pytest.raises(UserError, match="clip"):
        create("clip", **parameters)
