from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.names import readable
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.pictures import PictureError
from coverfusion.data.sources import Entry, is_there, list_entries, list_pictures, read_bytes
from tests.helpers import pictures

RED, BLUE = pictures.encode(pictures.solid("red", (8, 8))), pictures.encode(pictures.solid("blue", (8, 8)))


def _names(collection):
    """(genre, last part of the path) of each entry."""
    return [(e.genre, e.path.replace("!", "/").rsplit("/", 1)[1]) for e in list_entries(collection)]


def test_genre_folders_and_zips_stand_side_by_side(tmp_path):
    pictures.save_folders(tmp_path, {"Rock": [RED, BLUE], "Pop/live": [RED]})
    pictures.save_zip(tmp_path / "Jazz.zip", {"Jazz/a.jpg": RED, "Jazz/deep/b.jpg": BLUE})
    found = _names(tmp_path)
    assert found == [
        ("Jazz", "a.jpg"),
        ("Jazz", "b.jpg"),
        ("Pop", "000.jpg"),
        ("Rock", "000.jpg"),
        ("Rock", "001.jpg"),
    ]
    assert [read_bytes(e.path) for e in list_entries(tmp_path)] == [RED, BLUE, RED, RED, BLUE]


def test_litter_is_no_cover_and_files_beside_the_genres_have_none(tmp_path):
    pictures.save_folders(tmp_path, {"Rock": [RED]})
    (tmp_path / "Rock" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "Rock" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("about")
    assert _names(tmp_path) == [("Rock", "000.jpg"), ("", "notes.txt")]


@pytest.mark.parametrize(
    ("members", "genres"),
    [
        (["a.jpg", "b.jpg"], ["Blues", "Blues"]),
        (["Soul/a.jpg", "Soul/b.jpg"], ["Blues", "Blues"]),
        (["Soul/a.jpg", "Funk/b.jpg"], ["Soul", "Funk"]),
        (["all/Soul/a.jpg", "all/Funk/cd/b.jpg"], ["Soul", "Funk"]),
        (["Soul/a.jpg", "Funk/b.jpg", "c.jpg"], ["Soul", "Funk", ""]),
        (["a.jpg", "../b.jpg", "/c.jpg"], ["Blues", "Blues", "Blues"]),
        (["a.jpg", "__MACOSX/a.jpg"], ["Blues"]),
    ],
)
def test_one_zip_is_named_by_its_folders_or_by_itself(members, genres, tmp_path):
    archive = pictures.save_zip(tmp_path / "Blues.zip", dict.fromkeys(members, RED))
    assert [e.genre for e in list_entries(archive)] == genres


@pytest.mark.parametrize("name", ["covers.csv", "covers.parquet"])
def test_manifest_paths_are_relative_to_it_and_may_lie_in_zips(name, tmp_path):
    pictures.save_folders(tmp_path, {"any": [RED]})
    pictures.save_zip(tmp_path / "some.zip", {"x/b.jpg": BLUE})
    rows = [
        {"path": "any/000.jpg", "genre": "NA", "artist": " Nina ", "group": "7"},
        {"path": "some.zip!x/b.jpg", "genre": "Rock & Roll", "artist": "", "group": ""},
    ]
    entries = list(list_entries(pictures.save_manifest(tmp_path / name, rows)))
    assert entries[0] == Entry(str(tmp_path / "any/000.jpg"), "NA", "Nina", "7")
    assert (entries[1].genre, entries[1].artist, entries[1].group) == ("Rock & Roll", "", "")
    assert [read_bytes(e.path) for e in entries] == [RED, BLUE]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,gener\na.jpg,Rock\n", "no column 'genre'.*Did you mean 'gener'"),
        ("genre\nRock\n", "no column 'path'"),
        ("path,genre\na.jpg,Rock\nb.jpg,\nc.jpg, \n", r"genre is empty in 2 rows: 2, 3"),
        ("path,genre\n,Rock\n", "path is empty"),
        ("", "cannot be read as a manifest"),
    ],
)
def test_a_wrong_manifest_says_what_to_mend(text, message, tmp_path):
    (tmp_path / "covers.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        list(list_entries(tmp_path / "covers.csv"))


def test_collections_that_are_none(tmp_path):
    with pytest.raises(UserError, match="no collection at"):
        list(list_entries(tmp_path / "nowhere"))
    (tmp_path / "a.jpg").write_bytes(RED)
    with pytest.raises(UserError, match=r"a\.jpg is no collection"):
        list(list_entries(tmp_path / "a.jpg"))


def test_pictures_are_streamed_from_files_folders_and_zips(tmp_path):
    pictures.save_folders(tmp_path / "covers!", {"any": [RED, BLUE]})
    archive = pictures.save_zip(tmp_path / "what.zip!s.zip", {"wow!.jpg": BLUE})
    asked = iter([str(tmp_path / "covers!"), str(archive), "missing.jpg"])
    found = list(list_pictures(asked))
    assert found[:2] == [str(tmp_path / f"covers!/any/00{i}.jpg") for i in (0, 1)]
    assert found[2:] == [f"{archive}!wow!.jpg", "missing.jpg"]
    assert read_bytes(found[2]) == BLUE
    with pytest.raises(PictureError, match="no such file"):
        read_bytes(found[3])


def test_pictures_come_by_name(tmp_path):
    for name in ("b/2.jpg", "c.jpg", "b/10.jpg", "a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(RED)
    found = [path.removeprefix(f"{tmp_path}/") for path in list_pictures([str(tmp_path)])]
    assert found == ["a.jpg", "b/10.jpg", "b/2.jpg", "c.jpg"]


def test_listing_asks_for_no_more_than_it_gives():
    def endless():
        while True:
            yield "missing.jpg"

    stream = list_pictures(endless())
    assert [next(stream) for _ in range(3)] == ["missing.jpg"] * 3


def test_what_is_there_and_what_is_not(tmp_path):
    archive = pictures.save_zip(tmp_path / "what!s.zip", {"Rock/a.jpg": RED})
    for path in (archive, tmp_path, f"{archive}!Rock/a.jpg", "s3://nobody/asks"):
        assert is_there(str(path))
    for path in (tmp_path / "no", f"{archive}!Rock/b.jpg", tmp_path / "no.zip!a.jpg", "x" * 5000, ""):
        assert not is_there(str(path))


def test_a_folder_linked_into_itself_ends(tmp_path):
    pictures.save_folders(tmp_path, {"Rock": [RED]})
    (tmp_path / "Rock" / "again").symlink_to(tmp_path)
    again = str(tmp_path / "Rock" / "again")
    assert list(list_pictures([str(tmp_path)])) == [str(tmp_path / "Rock" / "000.jpg"), again]
    with pytest.raises(PictureError, match="a link to a folder"):
        read_bytes(again)


def test_links_within_a_collection_are_named_and_list_no_cover_twice(tmp_path):
    pictures.save_folders(tmp_path / "covers", {"Pop": [RED], "Rock": [BLUE]})
    rock = tmp_path / "covers" / "Rock"
    for name, target in {"up": "..", "top": "../..", "other": "../Pop", "self": "self"}.items():
        (rock / name).symlink_to(target)
    pictures.save_folders(tmp_path / "elsewhere", {"Jazz": [RED]})
    (tmp_path / "covers" / "Jazz").symlink_to(tmp_path / "elsewhere" / "Jazz")
    assert _names(tmp_path / "covers") == [
        ("Jazz", "000.jpg"),
        ("Pop", "000.jpg"),
        ("Rock", "000.jpg"),
        ("Rock", "other"),
        ("Rock", "self"),
        ("Rock", "top"),
        ("Rock", "up"),
    ]


def test_a_genre_that_is_a_link_back_is_rejected_with_the_reason(tmp_path):
    pictures.save_folders(tmp_path / "covers", {"Pop": [RED], "Rock": [BLUE]})
    (tmp_path / "covers" / "Jazz").symlink_to("Rock")
    collection = read_collection(tmp_path / "covers")
    assert collection.frame["genre"].tolist() == ["Pop", "Rock"]
    row = collection.rejected.iloc[0]
    assert (row["genre"], row["path"]) == ("Jazz", str(tmp_path / "covers" / "Jazz"))
    assert row["reason"].startswith("a link to a folder")


def test_what_a_run_has_written_is_no_cover(tmp_path):
    pictures.save_folders(tmp_path, {"Rock": [RED]})
    written = make_output_folder(tmp_path / "runs" / "inspect-covers")
    (written / "samples.png").write_bytes(BLUE)
    assert _names(tmp_path) == [("Rock", "000.jpg")]
    assert [path.name for path in map(Path, list_pictures([str(tmp_path)]))] == ["000.jpg"]
    assert list(list_pictures([str(written)])) == [str(written / "samples.png")]  # asked for by name


def test_a_folder_that_cannot_be_looked_into_is_one_bad_row(tmp_path):
    pictures.save_folders(tmp_path, {"Rock": [RED]})
    here = os.open(tmp_path / "Rock", os.O_RDONLY)
    for _ in range(20):  # deeper than any path may be long
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    found = list(list_entries(tmp_path))
    assert [entry.genre for entry in found] == ["Rock", "Rock"]
    assert read_bytes(found[0].path) == RED
    with pytest.raises(PictureError, match="cannot be read: File name too long"):
        read_bytes(found[1].path)


@pytest.mark.parametrize("path", ["/" + "x" * 5000 + ".jpg", "/tmp/a\0b.jpg"])
def test_a_name_that_no_disk_takes_is_one_bad_row(path):
    assert list(list_pictures([path])) == [readable(path)]
    with pytest.raises(PictureError, match="cannot be read"):
        read_bytes(path)


@pytest.mark.skipif(not Path("/proc/self/pagemap").exists(), reason="a file of Linux")
def test_a_file_is_read_up_to_the_size_that_it_states():
    assert read_bytes("/proc/self/pagemap") == b""


def test_many_threads_read_one_zip(tmp_path):
    members = {f"{i}.bin": bytes([i]) * 50_000 for i in range(100)}
    archive = pictures.save_zip(tmp_path / "many.zip", members)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda name: read_bytes(f"{archive}!{name}"), members))
    assert read == list(members.values())


def test_a_zip_inside_a_zip_is_named_as_that(tmp_path):
    pictures.save_zip(tmp_path / "inner.zip", {"a.jpg": RED})
    outer = pictures.save_zip(tmp_path / "Rock.zip", {"album.zip": (tmp_path / "inner.zip").read_bytes()})
    with pytest.raises(PictureError, match="a zip inside a zip"):
        read_bytes(f"{outer}!album.zip")


def test_a_rewritten_zip_is_read_anew(tmp_path):
    archive = pictures.save_zip(tmp_path / "a.zip", {"a.jpg": RED})
    assert read_bytes(f"{archive}!a.jpg") == RED
    pictures.save_zip(archive, {"a.jpg": BLUE, "b.jpg": RED})
    assert read_bytes(f"{archive}!a.jpg") == BLUE


def test_control_characters_in_a_path_are_escaped_and_it_is_read_all_the_same(tmp_path):
    pictures.save_zip(tmp_path / "Pop.zip", {"a\rb.jpg": RED})
    (tmp_path / "Rock\n").mkdir()
    (tmp_path / "Rock\n" / "a\r\x1b[31m.jpg").write_bytes(BLUE)
    paths = [entry.path for entry in list_entries(tmp_path)]
    assert paths == [str(tmp_path / "Pop.zip!a%0db.jpg"), str(tmp_path / r"Rock\x0a" / r"a\x0d\x1b[31m.jpg")]
    assert list(list_pictures([str(tmp_path)])) == paths
    assert [read_bytes(path) for path in paths] == [RED, BLUE]
