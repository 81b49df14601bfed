from __future__ import annotations

import os
import unicodedata

import pytest

from coverfusion.data.names import label, on_disk, readable
from coverfusion.data.sources import is_there, list_entries, list_pictures, read_bytes
from tests.helpers import pictures

RED = pictures.encode(pictures.solid("red", (8, 8)))


def test_labels_have_one_spelling():
    decomposed = unicodedata.normalize("NFD", "Chanson française")
    assert label(f" {decomposed} ") == label("Chanson française") == "Chanson française"
    assert label(os.fsdecode(b"Fran\xe7ais")) == r"Fran\xe7ais"
    assert label("a\x1b[31mb\n") == r"a\x1b[31mb"


def test_a_readable_path_leads_back_to_its_file(tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")
    literal = tmp_path / r"a\xe9.jpg"
    for path in (odd, str(literal)):
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(RED)
    readable(odd).encode("utf-8")
    assert on_disk(readable(odd)) == odd
    assert on_disk(str(literal)) == str(literal)


def test_names_that_are_not_utf8_are_listed_and_read(tmp_path):
    root = os.fsencode(tmp_path)
    os.mkdir(root + b"/Fran\xe7ais")  # noqa: PTH102
    for name in (b"/Fran\xe7ais/caf\xe9.jpg", b"/Fran\xe7ais/a.jpg"):
        with open(root + name, "wb") as file:  # noqa: PTH123
            file.write(RED)
    pictures.save_zip(tmp_path / "Pop.zip", {"b.jpg": RED})
    os.rename(root + b"/Pop.zip", root + b"/P\xf6p.zip")  # noqa: PTH104
    entries = list(list_entries(tmp_path))
    assert [entry.genre for entry in entries] == [r"Fran\xe7ais", r"Fran\xe7ais", r"P\xf6p"]
    assert [read_bytes(entry.path) for entry in entries] == [RED] * 3
    assert all(is_there(entry.path) for entry in entries)
    assert sorted(list_pictures([str(tmp_path)])) == sorted(entry.path for entry in entries)
    assert list(list_pictures([entries[0].path])) == [entries[0].path]


@pytest.mark.parametrize("name", ["Pop", "Rock [live]", "$100", "_x", "NA", "演歌", "🎸", "L" * 240])
def test_a_genre_keeps_its_name(name, tmp_path):
    pictures.save_folders(tmp_path, {name: [RED]})
    assert [entry.genre for entry in list_entries(tmp_path)] == [name]
