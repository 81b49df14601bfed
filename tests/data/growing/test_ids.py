"""Files of release ids: what is read as an id, and what is said of a line that holds none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.data.growing.discogs import Discogs
from coverfusion.data.growing.ids import WantedRelease, read_ids
from coverfusion.data.growing.musicbrainz import MusicBrainz

MBID = "76df3287-6cda-33eb-8e9a-044b5e15ffdd"


def pairs(path: Path, source=None) -> list[tuple[str, str]]:
    return [(one.release_id, one.genre) for one in read_ids(path, source or Discogs())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("249504", "249504"),
        ("[r249504]", "249504"),
        ("000249504", "249504"),
        ("249504.jpg", "249504"),
        ("249504-back.jpeg", "249504"),
        ("R-249504-1334592212.jpeg", "249504"),
        ("Rock/R-10011179-1490322801-7353-jpeg.jpg", "10011179"),
        ("https://www.discogs.com/release/249504-Rick-Astley-Never", "249504"),
        ("https://www.discogs.com/Slowdive-Outside/release/582239", "582239"),
        ("https://api.discogs.com/releases/249504", "249504"),
        ("https://www.discogs.com/master/96559", None),
        ("A-20-1138033731.jpeg", None),
        ("2020-01-01", None),
        ("12.5", None),
        ("0", None),
        ("-5", None),
        ("9" * 20, "9" * 20),
        (str(2**70), None),
        ("٢٤٩٥٠٤", None),
        ("R-24٩-1.jpeg", None),
        ("https://www.discogs.com/release/24٩", None),
        ("", None),
        (MBID, None),
    ],
)
def test_ids_of_discogs(text, expected):
    assert Discogs().id_in(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MBID, MBID),
        (MBID.upper(), MBID),
        (f"jazz/{MBID}-front.jpg", MBID),
        (f"https://musicbrainz.org/release/{MBID}", MBID),
        (f"https://musicbrainz.org/artist/{MBID}", None),
        (f"{MBID} {MBID}", None),
        (MBID[:-1], None),
        (f"{MBID}a", None),
        ("249504", None),
    ],
)
def test_ids_of_musicbrainz(text, expected):
    assert MusicBrainz().id_in(text) == expected


def test_a_text_file_has_one_a_line_with_comments_and_genres(tmp_path):
    file = tmp_path / "ids.txt"
    file.write_bytes(
        b"\xef\xbb\xbf# from a zip\r\nRock/\r\n\r\n249504 # mine\r\n"
        b"set/Rock/R-7-1.jpg\r\nPop/R-7-1.jpg\r\n249504\r\n"
    )
    assert pairs(file) == [("249504", ""), ("7", "Rock"), ("7", "Pop")]


@pytest.mark.parametrize("name", ["id", "release"])
def test_tables_have_a_column_of_ids_and_perhaps_a_genre(name, tmp_path):
    frame = pd.DataFrame({"other": ["x", "y"], name: [7, 5], "genre": ["Folk, World", ""]})
    frame.to_csv(tmp_path / "ids.csv", index=False)
    frame.to_csv(tmp_path / "ids.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "ids.parquet")
    frame[[name]].to_csv(tmp_path / "bare.csv", index=False)
    for ending in ("csv", "tsv", "parquet"):
        assert pairs(tmp_path / f"ids.{ending}") == [("7", "Folk, World"), ("5", "")]
    assert pairs(tmp_path / "bare.csv") == [("7", ""), ("5", "")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "ids.txt",
            "1\nabc\n2\n",
            r"ids\.txt: no release id of Discogs in line 2 \('abc'\)\. It is a whole number",
        ),
        ("ids.txt", "".join(f"x{n}\n" for n in range(9)), r"line 5 \('x4'\), and 4 more"),
        ("ids.csv", "id,genre\n1,a\n,b\nx,c\n", r"row 2 \(''\), row 3 \('x'\)"),
        ("ids.csv", "number\n1\n", r"no column 'id' or 'release', but number\. .*\.txt"),
        ("ids.txt", "# nothing\n\n", "holds no release id"),
        ("ids.csv", "id\n", "holds no release id"),
        ("ids.txt", "\xff\xfe\x00", "line 1"),
    ],
)
def test_what_is_no_id_is_named_with_its_file_and_line(name, content, expected, tmp_path):
    file = tmp_path / name
    file.write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=expected):
        read_ids(file, Discogs())


def test_a_lock_and_a_manifest_are_files_of_ids_too(tmp_path):
    (tmp_path / "grow.lock.csv").write_text(
        "id,side,url,sha256,bytes,status\n7,front,,,0,none\n7,back,,,0,none\n"
    )
    assert read_ids(tmp_path / "grow.lock.csv", Discogs()) == [WantedRelease("7")]


@pytest.mark.parametrize("name", ["nowhere.txt", "nowhere.csv", "nowhere.parquet", "."])
def test_a_file_that_cannot_be_read_is_said(name, tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_ids(tmp_path / name, Discogs())
