"""Checkpoints come back as they were, belong to one training, and a broken one is as good as none."""

import io
from pathlib import Path

import pandas as pd
import pytest
import torch

from coverfusion.data.sealed_files import write_sealed
from coverfusion.fusion.networks.checkpoints import (
    FILE,
    TrainingProgress,
    read_progress,
    training_digest,
    write_progress,
)
from coverfusion.fusion.networks.dataset import CoverDataset
from tests.helpers.tinted import TinyNetwork, examples, recipe


@pytest.fixture(scope="module")
def progress() -> TrainingProgress:
    history = [
        {
            "epoch": e,
            "loss": 1 / e,
            "log_loss": 1 / e,
            "accuracy": e / 3,
            "held_out_loss": 2 / e,
            "held_out_accuracy": e / 4,
        }
        for e in (1, 2)
    ]
    state = {"network": {"w": torch.ones(2)}, "schedule": {"last_epoch": 2, "rates": [0.1]}}
    return TrainingProgress("digest", history, 2, {"w": torch.tensor([1.5, 2.5])}, state)


def test_what_was_written_comes_back(progress: TrainingProgress, tmp_path: Path) -> None:
    write_progress(tmp_path / "new" / "folder", progress)
    folder = tmp_path / "new" / "folder"
    found = read_progress(folder, "digest")
    assert (found.history, found.best_epoch) == (progress.history, 2)
    assert torch.equal(found.best["w"], progress.best["w"])
    assert found.state is not None
    assert found.state["schedule"] == {"last_epoch": 2, "rates": [0.1]}
    assert pd.read_csv(folder / "history.csv")["held_out_loss"].tolist() == [2.0, 1.0]
    assert (folder / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(p.name for p in folder.iterdir()) == ["checkpoint.pt", "curves.png", "history.csv"]


def test_nothing_comes_back_of_another_training_or_without_a_folder(
    progress: TrainingProgress, tmp_path: Path
) -> None:
    write_progress(tmp_path, progress)
    for found in (read_progress(tmp_path, "other"), read_progress(tmp_path / "no", "digest")):
        assert found.history == []
        assert found.state is None
    assert read_progress(None, "digest") == TrainingProgress("digest")


@pytest.mark.parametrize("damage", ["emptied", "cut", "flipped"])
def test_a_damaged_checkpoint_is_set_aside(progress: TrainingProgress, tmp_path: Path, damage: str) -> None:
    write_progress(tmp_path, progress)
    whole = (tmp_path / FILE).read_bytes()
    half = len(whole) // 2
    damaged = {"emptied": b"", "cut": whole[:half], "flipped": whole[:half] + b"?" + whole[half + 1 :]}
    (tmp_path / FILE).write_bytes(damaged[damage])
    with pytest.warns(UserWarning, match="damaged"):
        assert read_progress(tmp_path, "digest") == TrainingProgress("digest")
    assert len(list(tmp_path.glob("*.broken"))) == 1


def test_a_checkpoint_that_holds_code_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was_run"
    content = io.BytesIO()
    torch.save({"digest": Evil(mark)}, content)
    write_sealed(tmp_path / FILE, content.getvalue())
    assert read_progress(tmp_path, "digest") == TrainingProgress("digest")
    assert not mark.exists()


class Evil:
    """Makes a folder when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.mkdir, (self.mark,)


def test_all_that_makes_another_training_makes_another_digest() -> None:
    some, network = examples(6), TinyNetwork()
    first = training_digest(network, some, recipe())
    assert first == training_digest(TinyNetwork(), examples(6), recipe())
    heavier = CoverDataset(some.pictures, None, None, some.y, 2 * some.weight)
    others = [
        training_digest(network, some, recipe(epochs=4)),
        training_digest(network, some, recipe(seed=1)),
        training_digest(network, heavier, recipe()),
        training_digest(network, examples(6, seed=1), recipe()),
        training_digest(TinyNetwork(seed=1), some, recipe()),  # other pretrained weights
        training_digest(TinyNetwork(dropout=0.5), some, recipe()),
    ]
    assert len({first, *others}) == 7
