"""How the networks of a run learnt: read from its folder, drawn, told in words."""

import re
from pathlib import Path

import pandas as pd
import pytest

from coverfusion.experiments.training.training_picture import run_epochs, training_picture


def _history(folder: Path, part: str, model: str, last: float, held_out: float | None = None) -> None:
    place = folder / "training" / part / model
    place.mkdir(parents=True)
    rows = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.25, last]})
    if held_out is not None:
        rows["held_out_accuracy"] = [0.2, held_out]
    rows.to_csv(place / "history.csv", index=False)


def test_folds_are_averaged_and_refits_left_out(tmp_path: Path) -> None:
    _history(tmp_path, "fold-0", "finetune:mixup on pixels", 0.5, 0.4)
    _history(tmp_path, "fold-1", "finetune:mixup on pixels", 0.7, 0.2)
    _history(tmp_path, "fold-0", "joint on color+pixels", 0.9)
    _history(tmp_path, "all", "finetune:mixup on pixels", 1.0, 1.0)
    _history(tmp_path, "fold-0", "stack on color+pixels/finetune", 1.0)
    epochs = run_epochs(tmp_path)
    assert sorted(zip(epochs["part"], epochs["value"], strict=True)) == [
        *[("fold-0", "finetune:mixup")] * 2,
        *[("fold-0", "joint on color+pixels")] * 2,
        *[("fold-1", "finetune:mixup")] * 2,
    ]
    found = training_picture(tmp_path)
    assert found is not None
    assert re.findall(r"([\w:+ ]+): 2 epochs", found["words"]) == ["finetune:mixup", " joint on color+pixels"]
    assert re.findall(r"[\d.]+ %", found["words"]) == ["60.0 %", "30.0 %", "90.0 %"]
    assert set(found["data"]) == {"", "-dark", "-narrow", "-narrow-dark"}
    assert all((tmp_path / "figures" / f"training{look}.png").stat().st_size > 5000 for look in found["data"])


@pytest.mark.parametrize(
    ("precisions", "words"),
    [
        (["32"], "float32"),
        (["bf16"], "bfloat16"),
        (["16"], "float16"),
        (["32", "bf16"], "float32 and bfloat16"),
    ],
)
def test_the_precision_of_a_training_is_named(tmp_path: Path, precisions: list[str], words: str) -> None:
    for fold, precision in enumerate(precisions):
        _history(tmp_path, f"fold-{fold}", "finetune on pixels", 0.5)
        file = tmp_path / "training" / f"fold-{fold}" / "finetune on pixels" / "history.csv"
        pd.read_csv(file).assign(precision=precision).to_csv(file, index=False)
    found = training_picture(tmp_path)
    assert found is not None
    assert found["words"].endswith(f"trained in {words}")


def test_without_networks_there_is_no_picture(tmp_path: Path) -> None:
    assert training_picture(tmp_path) is None
    assert not (tmp_path / "figures").exists()
