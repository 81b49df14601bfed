from __future__ import annotations

import codecs

import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.data.sources import list_entries, read_bytes
from tests.helpers import pictures

RED = pictures.encode(pictures.solid("red", (8, 8)))
PLAIN = "path,genre\np/a.jpg,Rock\np/b.jpg,Pop\n"


@pytest.fixture
def covers(tmp_path):
    (tmp_path / "p").mkdir()
    for name in ("a.jpg", "b.jpg", " blank.jpg "):
        (tmp_path / "p" / name).write_bytes(RED)
    return tmp_path


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        codecs.BOM_UTF16_LE + PLAIN.encode("utf-16-le"),
        codecs.BOM_UTF8 + PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("path,genre", "Path, Genre ").encode(),
        PLAIN.replace("p/", "p\\").encode(),
        PLAIN.replace("\n", "\n\n").encode(),
        b'"path","genre"\n"p/a.jpg","Rock"\n"p/b.jpg"," Pop "\n',
        b"sep=;\r\n" + PLAIN.replace(",", ";").encode(),
        b'\xef\xbb\xbf"sep=|"\n' + PLAIN.replace(",", "|").encode(),
    ],
)
def test_a_manifest_as_any_program_writes_it(content, covers):
    (covers / "m.csv").write_bytes(content)
    entries = list(list_entries(covers / "m.csv"))
    assert [entry.genre for entry in entries] == ["Rock", "Pop"]
    assert [read_bytes(entry.path) for entry in entries] == [RED, RED]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path,genre\na.jpg,Rock\nb.jpg,Rock,Indie\n", "line 3 has 3 fields, the header 2"),
        (b"path,genre\na.jpg,Rock,\n", "line 2 has 3 fields"),
        ("path,genre\na.jpg,Pop\nb.jpg,Рок\n".encode("cp1251"), "line 3 is not in UTF-8"),
        (PLAIN.encode("utf-16-le"), "line 1 is not in UTF-8"),
        (f'path,genre\na.jpg,Pop\n"{"x" * 200_000}'.encode(), "line 3: .* a quote that is not closed"),
    ],
)
def test_a_line_that_is_wrong_is_named(content, message, covers):
    (covers / "m.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        list(list_entries(covers / "m.csv"))


def test_a_name_that_ends_in_blanks_keeps_them(covers):
    (covers / "m.csv").write_text("path,genre\np/ blank.jpg ,Rock\n p/a.jpg ,Pop\n")
    assert [read_bytes(entry.path) for entry in list_entries(covers / "m.csv")] == [RED, RED]


@pytest.mark.parametrize(
    ("genres", "read"),
    [
        ([1, 2], ["1", "2"]),
        ([1.0, 2.5], ["1", "2.5"]),
        (pd.Categorical(["Rock", "Pop"]), ["Rock", "Pop"]),
        ([True, False], ["True", "False"]),
        (["NA", "01"], ["NA", "01"]),
    ],
)
def test_values_of_a_parquet_manifest_become_names(genres, read, covers):
    frame = pd.DataFrame({"path": ["p/a.jpg", "p/b.jpg"], "genre": genres, "group": [1.0, None]})
    frame.to_parquet(covers / "m.parquet")
    frame.set_index("path").to_parquet(covers / "index.parquet")
    for name in ("m.parquet", "index.parquet"):
        entries = list(list_entries(covers / name))
        assert [entry.genre for entry in entries] == read
        assert [entry.group for entry in entries] == ["1", ""]
        assert [read_bytes(entry.path) for entry in entries] == [RED, RED]


@pytest.mark.parametrize(
    ("genres", "message"),
    [
        ([["Rock"], ["Pop"]], "'genre' holds lists"),
        ([b"Rock", b"Pop"], "'genre' holds bytes"),
        ([1.0, None], "genre is empty in 1 row"),
    ],
)
def test_lists_bytes_and_gaps_are_refused_by_name(genres, message, covers):
    pd.DataFrame({"path": ["p/a.jpg", "p/b.jpg"], "genre": genres}).to_parquet(covers / "m.parquet")
    with pytest.raises(UserError, match=message):
        list(list_entries(covers / "m.parquet"))


def test_all_gaps_are_named_at_once(covers):
    (covers / "m.csv").write_text("path,genre\np/a.jpg,Rock\n,Pop\np/b.jpg,\n ,Pop\n")
    with pytest.raises(UserError, match=r"path is empty in 2 rows: 2, 4; the genre is empty in 1 row"):
        list(list_entries(covers / "m.csv"))
