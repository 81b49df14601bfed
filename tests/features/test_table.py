"""A table folder gives back what was saved, or says which file is not what it was."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.checksums import SUMS_FILE
from coverfusion.data.errors import UserError
from coverfusion.features.table import FeatureTable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two blocks of three covers, one with notes and text."""
    index = pd.Index(["a", "b", "c"], name="cover_id")
    blocks = {
        name: pd.DataFrame(np.arange(6, dtype=np.float32).reshape(3, 2) + n, index, ["x", "y"])
        for n, name in enumerate(["color", "ocr"])
    }
    notes = {"ocr": pd.Series(["{}", "[]", None], index, dtype=object)}
    texts = {"ocr": pd.Series(["one", "", None], index, dtype=object)}
    FeatureTable(blocks, notes, texts).save(tmp_path)
    return tmp_path


def test_what_was_saved_comes_back(folder: Path) -> None:
    table = FeatureTable.load(folder)
    assert list(table.blocks) == ["color", "ocr"]
    assert table.blocks["ocr"].to_numpy().tolist() == [[1, 2], [3, 4], [5, 6]]
    assert table.texts["ocr"].tolist() == ["one", "", None]
    assert list(FeatureTable.load(folder, ["ocr"]).blocks) == ["ocr"]
    with pytest.raises(UserError, match="no block 'colour'"):
        FeatureTable.load(folder, ["colour"])


@pytest.mark.parametrize(
    "name", ["color.parquet", "ocr.parquet", "ocr.notes.parquet", "ocr.text.parquet", "table.json", SUMS_FILE]
)
def test_a_flipped_bit_is_noticed(folder: Path, name: str) -> None:
    whole, rng = (folder / name).read_bytes(), np.random.default_rng(0)
    blanks = {place for place, byte in enumerate(whole) if byte == 32} if name == SUMS_FILE else set()
    for place in set(rng.integers(len(whole) - 1, size=20).tolist()) - blanks:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        (folder / name).write_bytes(flipped)
        with pytest.raises(UserError, match="missing or was changed"):
            FeatureTable.load(folder)
    (folder / name).write_bytes(whole)
    FeatureTable.load(folder)


def test_the_other_blocks_of_a_damaged_table_are_read(folder: Path) -> None:
    (folder / "color.parquet").write_bytes(b"PAR1 PAR1")
    assert list(FeatureTable.load(folder, ["ocr"]).blocks) == ["ocr"]
