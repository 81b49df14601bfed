from __future__ import annotations

import pandas as pd
import pytest
from PIL import Image

from coverfusion.data.collection import read_collection
from coverfusion.experiments.inspection import _class_balance, inspect_collection, print_inspection
from coverfusion.experiments.pipeline.console import console
from tests.helpers import pictures


@pytest.fixture
def printed(monkeypatch, capsys):
    """What `print_inspection` prints."""
    monkeypatch.setattr(console, "_width", 200)  # as in a wide window

    def text(collection, inspection):
        print_inspection(collection, inspection)
        return capsys.readouterr().out

    return text


def test_counts_reasons_and_figures(tmp_path, printed):
    noises = [pictures.encode(pictures.noise(seed, (64, 64))) for seed in range(6)]
    face = pictures.face()
    root = pictures.save_folders(
        tmp_path / "covers",
        {
            "Pop": [noises[0], noises[1], b"", face.resize((200, 200))],
            "Rock": [*noises[1:6], b"x", face, noises[2]],
        },
    )
    collection = read_collection(root)
    inspection = inspect_collection(collection, tmp_path / "out")
    text = printed(collection, inspection)
    table = inspection.genres.set_index("genre")
    assert table["covers"].to_dict() == {"Rock": 4, "Pop": 1}
    assert table["conflicting"].to_dict() == table["left_out"].to_dict() == {"Rock": 2, "Pop": 2}
    assert table["near"].to_dict() == {"Rock": 0, "Pop": 0}
    assert inspection.imbalance == 4
    assert "4.00 times" in text
    assert "Under several genres: 2 equal files, 2 near duplicates; left out: 4" in text
    assert "in groups" not in text  # of the covers that are kept none has a near duplicate
    assert "empty file (0 bytes)" in text
    assert "left out: 1" in text  # copies
    listed = pd.read_csv(tmp_path / "out" / "rejected.csv")
    assert sorted(listed["genre"]) == ["Pop", "Rock"]
    assert {path.name for path in inspection.files} == {
        path.name for path in (tmp_path / "out").glob("[!.]*")
    }
    for name in ("class-balance", "samples", "conflicts"):
        assert min(Image.open(tmp_path / "out" / f"{name}.png").size) > 200


def test_nothing_is_left_out_where_all_are_kept(tmp_path):
    noise = pictures.encode(pictures.noise(1, (64, 64)))
    root = pictures.save_folders(tmp_path / "covers", {"Pop": [noise], "Rock": [noise]})
    inspection = inspect_collection(read_collection(root, keep="all"), tmp_path / "out")
    assert inspection.genres["left_out"].tolist() == [0, 0]
    assert inspection.genres["covers"].tolist() == [1, 1]


def test_a_collection_of_broken_files_alone_is_shown(tmp_path, printed):
    root = pictures.save_folders(tmp_path / "covers", {"Rock": [b"", b"x"]})
    collection = read_collection(root)
    inspection = inspect_collection(collection, str(tmp_path / "out"))
    assert "rejected" in printed(collection, inspection)
    assert inspection.reasons["files"].sum() == 2


def test_genres_are_printed_and_drawn_as_they_are(tmp_path, printed):
    genres = ["[red]x[", "a[0]", ":cat:", "$\\frac$"]
    rows = [(genre, f"{number}.png") for number, genre in enumerate(genres * 2)]
    for seed, (_, name) in enumerate(rows):
        pictures.noise(seed, (64, 64)).save(tmp_path / name)
    (tmp_path / "bad.png").write_bytes(b"x")
    manifest = tmp_path / "covers[0].csv"
    pd.DataFrame([*rows, ("[red]x[/nope]", "bad.png")], columns=["genre", "path"]).to_csv(
        manifest, index=False
    )
    collection = read_collection(manifest)
    text = printed(collection, inspect_collection(collection, tmp_path / "[/out]"))
    assert all(genre in text for genre in [*genres, "[red]x[/nope]"])
    assert (tmp_path / "[/out]" / "samples.png").is_file()


def test_of_very_many_genres_the_largest_are_drawn():
    genres = pd.DataFrame({"genre": [f"genre {k:04}" for k in range(2000)], "covers": 3, "left_out": 0})
    figure = _class_balance(genres.assign(proportion=1 / 2000))
    assert figure.get_figheight() < 20  # inches
    assert "the 40 largest of 2,000" in figure.axes[0].get_title(loc="left")
