"""The bench measures both sides on the same covers and says how far they differ."""

from pathlib import Path

import numpy as np
import pytest

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.experiments.bench.ablate import bench_ablate
from coverfusion.experiments.bench.extract_score import Timing, bench_extract
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.pipeline.preparation import prepare
from tests.helpers.pictures import noise, save_folders


def test_ratio_is_plain_seconds_over_ours_round_by_round() -> None:
    timing = Timing(ours=[1.0, 2.0, 4.0], plain=[2.0, 6.0, 4.0], covers=8)
    assert timing.ratios() == [2.0, 3.0, 1.0]
    assert (timing.rate("ours"), timing.rate("plain")) == (4.0, 2.0)


@pytest.mark.slow
def test_every_block_asked_for_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_folders(tmp_path / "c", {g: [noise(n, (64, 64)) for n in k] for g, k in _TWO.items()})
    frame = bench_extract(folder, ["color", "cnn"], covers=16, rounds=2).set_index("block")
    assert list(frame.index) == ["color", "cnn", "whole table"]
    assert (frame[["ours", "plain"]] > 0).all(axis=None)
    np.testing.assert_array_less(frame["lowest"], frame["highest"] + 1e-9)
    printed = " ".join(capsys.readouterr().out.split())
    assert "cnn: embeddings within" in printed
    assert "efficientnet-lite0 does its" in printed
    assert "second run over a full store" in printed
    assert "peak memory" in printed


_TWO = {"dub": range(8), "opera": range(8, 16)}


def test_more_covers_than_there_are_is_refused(tmp_path: Path) -> None:
    folder = save_folders(tmp_path / "c", {"dub": [noise(1)], "opera": [noise(2)]})
    with pytest.raises(UserError, match="has 2 usable covers"):
        bench_extract(folder, ["color"], covers=64, rounds=2)


@pytest.mark.slow
def test_ablate_and_a_plain_loop_give_the_same_numbers(tmp_path: Path) -> None:
    folder = save_folders(tmp_path / "c", {g: [noise(n, (64, 64)) for n in k] for g, k in _TWO.items()})
    config = make_config("test", collection=folder, blocks=["color", "texture"], store=tmp_path / "store")
    prepared = prepare(config, read_collection(folder), make_extractors(config.blocks, "packaged"))
    frame = bench_ablate(prepared, ["logistic"], folds=2)
    assert frame["fits"].item() == 3 * 2
    assert frame["largest difference"].item() < 1e-6
    assert frame["ratio"].item() == pytest.approx(frame["plain loop, s"].item() / frame["ablate, s"].item())
