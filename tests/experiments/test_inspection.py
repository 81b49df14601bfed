from __future__ import annotations

import io

import pandas as pd
from PIL import Image
from rich.console import Console

from coverfusion.data.collection import read_collection
from coverfusion.experiments.inspection import inspect_collection
from tests.helpers import pictures


def _inspect(collection, out):
    text = io.StringIO()
    found = inspect_collection(collection, out, Console(file=text, width=200))
    return found, text.getvalue()


def test_counts_reasons_and_figures(tmp_path):
    noises = [pictures.encode(pictures.noise(seed, (64, 64))) for seed in range(6)]
    face = pictures.face()
    root = pictures.save_folders(
        tmp_path / "covers",
        {
            "Pop": [noises[0], noises[1], b"", face.resize((200, 200))],
            "Rock": [*noises[1:6], b"x", face, noises[2]],
        },
    )
    found, text = _inspect(read_collection(root), tmp_path / "out")
    table = found.genres.set_index("genre")
    assert table["covers"].to_dict() == {"Rock": 5, "Pop": 2}
    assert table["conflicting"].to_dict() == table["left_out"].to_dict() == {"Rock": 1, "Pop": 1}
    assert table["near"].to_dict() == {"Rock": 1, "Pop": 1}
    assert found.imbalance == 2.5
    assert "2.50 times" in text
    assert "empty file (0 bytes)" in text
    assert "left out: 1" in text
    listed = pd.read_csv(tmp_path / "out" / "rejected.csv")
    assert sorted(listed["genre"]) == ["Pop", "Rock"]
    assert {path.name for path in found.files} == {path.name for path in (tmp_path / "out").iterdir()}
    for name in ("class-balance", "samples", "conflicts"):
        assert min(Image.open(tmp_path / "out" / f"{name}.png").size) > 200


def test_nothing_is_left_out_where_all_are_kept(tmp_path):
    noise = pictures.encode(pictures.noise(1, (64, 64)))
    root = pictures.save_folders(tmp_path / "covers", {"Pop": [noise], "Rock": [noise]})
    found, _ = _inspect(read_collection(root, keep="all"), tmp_path / "out")
    assert found.genres["left_out"].tolist() == [0, 0]
    assert found.genres["covers"].tolist() == [1, 1]


def test_a_collection_of_broken_files_alone_is_shown(tmp_path):
    root = pictures.save_folders(tmp_path / "covers", {"Rock": [b"", b"x"]})
    found, text = _inspect(read_collection(root), tmp_path / "out")
    assert "Rejected" in text
    assert found.reasons["files"].sum() == 2
