"""Front and back of a release as one item of a collection."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.sides import every_picture
from tests.helpers.pictures import encode, noise, save_folders, save_manifest
from tests.helpers.sided import ALBUMS, TINTS, save_sided


def _save(folder: Path, rows: list[tuple[str, str, str, str]], **pictures: bytes) -> Path:
    """A manifest of (file, genre, release, side); each file is noise of its own, or as given."""
    columns = ["path", "genre", "release", "side"]
    for seed, (name, *_) in enumerate(rows):
        (folder / name).write_bytes(pictures.get(Path(name).stem, encode(noise(seed, (64, 64)))))
    return save_manifest(folder / "m.csv", [dict(zip(columns, row, strict=True)) for row in rows])


def _id(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


ROWS = [
    ("a.jpg", "jazz", "1", "front"),
    ("b.jpg", "jazz", "1", "back"),
    ("c.jpg", "jazz", "2", "front"),
    ("d.jpg", "metal", "3", "Back"),
    ("e.jpg", "metal", "", ""),
]


def test_an_item_is_called_by_its_front_or_else_by_its_back(tmp_path):
    read = read_collection(_save(tmp_path, ROWS), sides="fused")
    frame = read.frame.assign(
        file=read.frame["path"].map(lambda path: Path(path).name),
        behind=read.frame["back_path"].map(lambda path: Path(path).name),
    )
    assert frame[["file", "behind", "genre"]].to_numpy().tolist() == [
        ["a.jpg", "b.jpg", "jazz"],
        ["c.jpg", "", "jazz"],
        ["d.jpg", "d.jpg", "metal"],
        ["e.jpg", "", "metal"],
    ]
    ids = {name: _id(tmp_path / f"{name}.jpg") for name in "abd"}
    assert frame["cover_id"].iloc[0] == ids["a"]
    assert frame["back"].tolist() == [ids["b"], "", ids["d"], ""]
    assert (read.counts["files"], read.counts["backs"], read.counts["backs_alone"]) == (5, 2, 1)
    assert len(every_picture(read.frame)) == 5


def test_separate_sides_are_covers_that_share_a_group(tmp_path):
    manifest = _save(tmp_path, ROWS)
    read = read_collection(manifest)
    assert read.two_sided
    assert list(read.frame) == [
        "cover_id",
        "path",
        "genre",
        "group",
        "width",
        "height",
        "format",
        "artist",
    ]
    a, b, *others = read.frame["group"]
    assert a == b
    assert len({a, *others}) == 4


def test_a_back_that_cannot_be_read_is_missing_and_a_front_leaves_its_back_alone(tmp_path):
    rows = [
        *ROWS[:2],
        ("x.jpg", "metal", "8", "front"),
        ("y.jpg", "metal", "8", "back"),
        ("z.jpg", "metal", "9", "front"),
    ]
    read = read_collection(_save(tmp_path, rows, b=b"no picture", x=b"nor this"), sides="fused")
    found = {Path(path).name: back for path, back in zip(read.frame["path"], read.frame["back"], strict=True)}
    assert found == {"a.jpg": "", "y.jpg": _id(tmp_path / "y.jpg"), "z.jpg": ""}
    assert sorted(Path(path).name for path in read.rejected["path"]) == ["b.jpg", "x.jpg"]


def test_a_back_with_the_bytes_of_its_front_is_no_back(tmp_path):
    same = encode(noise(7, (64, 64)))
    read = read_collection(_save(tmp_path, [*ROWS[:2], ROWS[4]], a=same, b=same), sides="fused")
    assert read.frame["back"].tolist() == ["", ""]


def test_equal_backs_tie_groups_but_make_no_conflict(tmp_path):
    plain = encode(noise(9, (64, 64)))
    rows = [
        ("a.jpg", "jazz", "1", "front"),
        ("b.jpg", "jazz", "1", "back"),
        ("c.jpg", "metal", "2", "front"),
        ("d.jpg", "metal", "2", "back"),
        ("e.jpg", "metal", "3", "front"),
    ]
    read = read_collection(_save(tmp_path, rows, b=plain, d=plain), sides="fused")
    one, two, three = read.frame["group"]
    assert one == two != three
    assert read.conflicts.empty


def test_fronts_under_two_genres_conflict_as_ever_and_many_labels_keep_the_back(tmp_path):
    rows = [
        ("a.jpg", "jazz", "1", "front"),
        ("b.jpg", "jazz", "1", "back"),
        ("a.jpg", "metal", "1", "front"),
        ("b.jpg", "metal", "1", "back"),
        ("c.jpg", "metal", "2", "front"),
    ]
    manifest = _save(tmp_path, rows)
    assert read_collection(manifest, sides="fused").counts["conflicting"] == 1
    read = read_collection(manifest, sides="fused", labels="many")
    assert read.frame["genre"].tolist() == ["jazz|metal", "metal"]
    assert read.frame["back"].tolist() == [_id(tmp_path / "b.jpg"), ""]


def test_the_fingerprint_knows_the_backs(tmp_path):
    (tmp_path / "all").mkdir()
    (tmp_path / "some").mkdir()
    every = read_collection(save_sided(tmp_path / "all"), sides="fused")
    some = read_collection(save_sided(tmp_path / "some", lambda number: number > 0), sides="fused")
    assert every.frame["cover_id"].tolist() == some.frame["cover_id"].tolist()
    assert len(every) == ALBUMS * len(TINTS)
    assert every.fingerprint() != some.fingerprint()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("f.jpg", "jazz", "1", "front"), "m.csv, rows 1 and 6: release 1 has two fronts"),
        (("f.jpg", "jazz", "1", "back"), "m.csv, rows 2 and 6: release 1 has two backs"),
        (("f.jpg", "jazz", "5", "bakc"), "m.csv, row 6: the side 'bakc' is no front or back.*'back'"),
        (("f.jpg", "metal", "2", "back"), "m.csv, row 6: the back of release 2 has the genre 'metal'"),
    ],
)
def test_contradictions_name_the_manifest_and_the_row(tmp_path, row, said):
    with pytest.raises(UserError, match=said):
        read_collection(_save(tmp_path, [*ROWS, row]), sides="fused")


def test_sides_that_nothing_tells_cannot_be_fused(tmp_path):
    folder = save_folders(tmp_path / "folder", {"jazz": [noise(1)], "metal": [noise(2)]})
    with pytest.raises(UserError, match=r"needs a manifest.*'release' and 'side'"):
        read_collection(folder, sides="fused")
    manifest = _save(tmp_path, ROWS)
    pd.read_csv(manifest).drop(columns="side").to_csv(manifest, index=False)
    with pytest.raises(UserError, match="needs a manifest"):
        read_collection(manifest, sides="fused")
    with pytest.raises(UserError, match=r"no way 'fusd'.*'fused'"):
        read_collection(manifest, sides="fusd")
