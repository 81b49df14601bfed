"""Scans made of a collection's own covers are looked for in it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.experiments.bench.duplicates import bench_duplicates
from coverfusion.experiments.bench.rescans import RESCANS
from tests.helpers import pictures


def _cover(seed: int) -> Image.Image:
    return pictures.noise(seed, (16, 16)).resize((160, 160), Image.Resampling.BICUBIC)


def test_the_second_look_finds_scans_that_the_hash_misses(tmp_path: Path) -> None:
    folder = pictures.save_folders(tmp_path / "c", {"x": [_cover(seed) for seed in range(12)]})
    table = bench_duplicates(folder, 8).set_index("kind")
    assert set(table.index) == set(RESCANS)
    assert (table["by_both"] >= table["by_hash"]).all()
    assert table["by_both"].mean() > table["by_hash"].mean() + 0.2
    assert np.all(table[["false_by_hash", "false_by_both"]] == 0)


def test_more_covers_than_there_are(tmp_path: Path) -> None:
    folder = pictures.save_folders(tmp_path / "c", {"x": [_cover(1), _cover(2)]})
    with pytest.raises(UserError, match="ask for fewer --covers"):
        bench_duplicates(folder, 8)
