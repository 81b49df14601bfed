"""How the networks of a run learnt: read from its folder, drawn, told in words."""

from pathlib import Path

import pandas as pd
import pytest

from coverfusion.experiments.drawing.epochs import epoch_words
from coverfusion.experiments.training.training_charts import run_epochs, training_charts


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
    charts = training_charts(tmp_path)
    assert list(charts) == ["finetune:mixup", "joint on color+pixels"]
    mixup, joint = charts.values()
    assert mixup.y == joint.y  # can be compared
    learning, held_out = mixup.series
    assert [spot.y for spot in learning.spots] == pytest.approx([25, 60])
    assert [spot.y for spot in held_out.spots] == pytest.approx([20, 30])
    assert len(learning.thin) == 2
    assert "training covers, as changed: at 1: 25.0; at 2: 60.0" in mixup.words
    assert sorted(file.name for file in (tmp_path / "figures").iterdir()) == [
        "training-1.svg",
        "training-2.svg",
    ]


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
    assert epoch_words(run_epochs(tmp_path), "").endswith(f"trained in {words}")


def test_without_networks_there_is_no_picture(tmp_path: Path) -> None:
    assert training_charts(tmp_path) == {}
    assert not (tmp_path / "figures").exists()
