from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from coverfusion.data.collection import read_collection
from coverfusion.experiments.cli import app
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


def test_percentages_in_pictures_stand_apart_from_their_sign():
    genres = pd.DataFrame({"genre": ["dub", "opera"], "covers": [6, 2], "left_out": 0})
    figure = _class_balance(genres.assign(proportion=[0.75, 0.25]))
    assert {text.get_text().strip() for text in figure.axes[0].texts} == {"6 (75\u00a0%)", "2 (25\u00a0%)"}


def test_near_duplicates_are_counted_by_their_pictures_alone(tmp_path, printed):
    picture = pictures.grained(pictures.words("NEVERMIND"), 3)
    for name, drawn in {
        "a": picture,
        "b": picture.resize((280, 280)),
        "c": pictures.noise(1),
        "d": pictures.noise(2),
    }.items():
        drawn.save(tmp_path / f"{name}.png")
    rows = [
        {"path": "a.png", "genre": "Rock", "release": "1", "side": "front"},
        {"path": "b.png", "genre": "Rock", "release": "2", "side": "front"},
        {"path": "c.png", "genre": "Rock", "release": "3", "side": "front"},
        {"path": "d.png", "genre": "Rock", "release": "3", "side": "back"},
    ]
    collection = read_collection(pictures.save_manifest(tmp_path / "albums.csv", rows))
    inspection = inspect_collection(collection, tmp_path / "out")
    assert inspection.genres["near"].tolist() == [2]  # c and d share a group as sides of one release
    assert "Near duplicates: 2 covers in 1 group; 2 kept" in printed(collection, inspection)


def test_covers_of_several_genres_count_once_and_their_duplicates_genres_are_told(tmp_path, printed):
    picture, other = pictures.grained(pictures.words("NEVERMIND"), 3), pictures.noise(1)
    root = pictures.save_folders(
        tmp_path / "covers",
        {"Rock": [picture, other], "Pop": [picture, other], "Jazz": [picture.resize((280, 280))]},
    )
    collection = read_collection(root, labels="many")
    inspection = inspect_collection(collection, tmp_path / "out")
    assert inspection.genres.set_index("genre")["near"].to_dict() == {"Rock": 2, "Pop": 2, "Jazz": 2}
    text = printed(collection, inspection)
    assert "Near duplicates: 2 covers in 1 group; 2 kept" in text
    # the picture gains Jazz, its resized copy Rock and Pop; the noise stands under Rock and Pop itself
    assert "Covers of several genres: 3" in text
    assert "; 2 of these with genres of near duplicates" in text
    assert "all kept, with all their genres" in text


def test_what_seems_to_have_several_genres_is_pointed_out(tmp_path):
    noises = [pictures.encode(pictures.noise(seed, (64, 64))) for seed in range(4)]
    root = pictures.save_folders(tmp_path / "covers", {"Pop": noises[:2], "Rock": noises[1:3]})
    rows = [(f"Rock/{k}.jpg", genre) for k, genre in enumerate(["Country; Live", "Country", "A; B", "Folk"])]
    for seed, (path, _) in enumerate(rows):
        pictures.noise(seed, (64, 64)).save(tmp_path / path.replace("/", "-"))
    manifest = tmp_path / "covers.csv"
    pd.DataFrame([(p.replace("/", "-"), g) for p, g in rows], columns=["path", "genre"]).to_csv(
        manifest, index=False
    )

    def said(*words):
        where = ["--out", str(tmp_path / "out"), "--store", str(tmp_path / "store")]
        done = CliRunner().invoke(app, ["inspect", *map(str, words), *where])
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    assert "`--labels many` keeps covers" in said(root)
    assert "'Country; Live' is one genre here" in said(manifest)
    for words in ((root, "--labels", "many"), (manifest, "--labels", "many")):
        assert "`--labels many`" not in said(*words)


def test_a_genre_may_be_called_genre(tmp_path):
    picture = pictures.noise(1)
    root = pictures.save_folders(tmp_path / "covers", {"genre": [picture], "covers": [picture]})
    inspect_collection(read_collection(root, labels="many"), tmp_path / "out")
    lines = (tmp_path / "out" / "cooccurrence.csv").read_text().split()
    assert lines == ["of_genre,covers,genre", "covers,1,1", "genre,1,1"]


def test_of_several_genres_only_files_that_differ_are_listed_as_under_several(tmp_path):
    one, two, three, four = (pictures.encode(pictures.noise(seed), "PNG") for seed in range(1, 5))
    files = {"a": one, "b": two, "c": two, "d": three, "e": three, "f": four}
    genres = {"a": "rock|genre", "b": "rock|pop", "c": "rock|pop", "d": "rock|pop", "e": "pop", "f": "jazz"}
    for name, content in files.items():
        (tmp_path / f"{name}.png").write_bytes(content)
    rows = [{"path": f"{name}.png", "genre": genre} for name, genre in genres.items()]
    collection = read_collection(pictures.save_manifest(tmp_path / "m.csv", rows), labels="many")
    assert sorted(collection.frame["genre"]) == ["genre|rock", "jazz", "pop|rock", "pop|rock"]
    # a says both genres itself, b and c say the same; d and e have equal bytes and other genres
    listed = collection.conflicts
    assert {
        (Path(path).stem, genre) for path, genre in zip(listed["path"], listed["genre"], strict=True)
    } == {
        ("d", "rock"),
        ("d", "pop"),
    }
    assert {Path(path).stem for path in listed["partner"]} == {"e"}
    assert (collection.counts["conflicting"], collection.counts["conflicting_rows"]) == (1, 2)
    table = inspect_collection(collection, tmp_path / "out").genres.set_index("genre")
    assert table["conflicting"].to_dict() == {"rock": 3, "pop": 2, "genre": 1, "jazz": 0}


def test_copies_and_further_sets_of_genres_are_counted(tmp_path, printed):
    sets = [f"{first}|{second}" for first, second in combinations("ABCDEF", 2)][:13]
    rows = []
    for seed, genre in enumerate([*sets, sets[0]]):
        name = f"{seed}.png"
        (tmp_path / name).write_bytes(pictures.encode(pictures.noise(seed % len(sets), (64, 64)), "PNG"))
        rows.append({"path": name, "genre": genre})
    pictures.save_manifest(tmp_path / "covers.csv", rows)
    collection = read_collection(tmp_path / "covers.csv", labels="many")
    text = printed(collection, inspect_collection(collection, tmp_path / "out"))
    assert "Copies of a cover, which has the genres of all its files: 1" in text
    assert "3 others" in text
