from __future__ import annotations

import unicodedata
import zipfile

import pytest

from coverfusion.data.sources import list_entries, read_bytes
from tests.helpers import pictures

RED = pictures.encode(pictures.solid("red", (8, 8)))


def _zip_of_bytes(path, names):
    """A zip whose names are these bytes, without the flag for UTF-8."""

    class Raw(zipfile.ZipInfo):
        def _encodeFilenameFlags(self):  # noqa: N802
            return self.filename.encode("latin-1"), self.flag_bits

    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(Raw(name.decode("latin-1")), RED)
    return path


@pytest.mark.parametrize(
    ("encoding", "genres"),
    [
        ("utf-8", ["Chanson française", "Рок"]),
        ("cp866", ["Рок", "Джаз"]),
        ("cp1251", ["Рок", "Джаз"]),
        ("cp437", ["Chanson française", "Año nuevo"]),
        ("cp1252", ["Björk", "Sigur Rós"]),
        ("gbk", ["摇滚", "爵士"]),
        ("gbk", ["古典", "Pop"]),
        ("big5", ["搖滾", "爵士樂"]),
        ("cp932", ["演歌", "ロック"]),
        ("ascii", ["Rock", "Pop"]),
    ],
)
def test_names_in_any_code_page_are_read(encoding, genres, tmp_path):
    names = [f"covers/{genre}/{k}.jpg".encode(encoding) for genre in genres for k in range(3)]
    entries = list(list_entries(_zip_of_bytes(tmp_path / "covers.zip", names)))
    assert {entry.genre for entry in entries} == set(genres)
    assert [read_bytes(entry.path) for entry in entries] == [RED] * len(names)


def test_a_macs_zip_gives_composed_genres_and_one_bad_name_spoils_no_other(tmp_path):
    macs = unicodedata.normalize("NFD", "Chanson française")
    names = [f"{macs}/a.jpg".encode(), f"{macs}/b.jpg".encode(), b"Pop\xff/c.jpg"]
    entries = list(list_entries(_zip_of_bytes(tmp_path / "covers.zip", names)))
    assert [entry.genre for entry in entries] == ["Chanson française", "Chanson française", "Pop%FF"]
    assert [read_bytes(entry.path) for entry in entries] == [RED] * 3


def test_members_of_one_name_are_read_each(tmp_path):
    entries = list(
        list_entries(_zip_of_bytes(tmp_path / "covers.zip", [b"Pop/a.jpg"] * 3 + [b"Pop/a (2).jpg"]))
    )
    assert [entry.path.partition("!")[2] for entry in entries] == [
        "Pop/a.jpg",
        "Pop/a (2).jpg",
        "Pop/a (3).jpg",
        "Pop/a (2) (2).jpg",
    ]
    assert [read_bytes(entry.path) for entry in entries] == [RED] * 4
