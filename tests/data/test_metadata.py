import shutil
from pathlib import Path

import pytest
from PIL import Image

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.manifest import manifest_values, other_columns
from coverfusion.data.metadata import ANOTHER_ROW, metadata_of_covers, read_metadata
from tests.helpers.pictures import checkerboard, encode, save_manifest, solid, stripes


def save(path: Path, picture: Image.Image) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode(picture, "PNG"))


def manifest(folder: Path, name: str = "covers.csv") -> Path:
    """Two covers, of which one stands there three times: once more by its path, once as a copy."""
    save(folder / "a.png", checkerboard())
    save(folder / "b.png", stripes())
    shutil.copy(folder / "a.png", folder / "copy.png")
    rows = [
        {"path": "a.png", "genre": "dub", "year": "1975", "Label": " Trojan ", "source": "x"},
        {"path": "b.png", "genre": "opera", "year": "", "Label": "", "source": "x"},
        {"path": "copy.png", "genre": "dub", "year": "1976", "Label": "Trojan", "source": "x"},
        {"path": "a.png", "genre": "dub", "year": "1975", "Label": "", "source": "x"},
    ]
    return save_manifest(folder / name, rows)


@pytest.mark.parametrize("name", ["covers.csv", "covers.parquet"])
def test_other_columns_are_read_as_text(tmp_path, name):
    path = manifest(tmp_path, name)
    assert other_columns(path) == ["year", "Label"]
    assert manifest_values(path, ["Label"]) == {"Label": ["Trojan", "", "Trojan", ""]}


def test_genres_and_sides_are_no_other_columns(tmp_path):
    save(tmp_path / "a.png", checkerboard())
    row = {"path": "a.png", "genre": "dub", "genres": "dub|ska", "release": "7", "year": "1975"}
    assert other_columns(save_manifest(tmp_path / "one.csv", [row])) == ["release", "year"]
    assert other_columns(save_manifest(tmp_path / "two.csv", [row | {"side": "front"}])) == ["year"]


def test_an_unknown_column_names_the_manifest_and_the_nearest(tmp_path):
    with pytest.raises(UserError, match=r"covers.csv has no column 'yaer'.*Did you mean 'year'"):
        manifest_values(manifest(tmp_path), ["yaer"])


def test_the_first_row_of_a_cover_counts_and_others_are_listed(tmp_path):
    path = manifest(tmp_path)
    collection = read_collection(path)
    assert collection.copies["path"].map(lambda at: Path(at).name).tolist() == ["copy.png", "a.png"]
    values, others = metadata_of_covers(collection, read_metadata(path, ["year", "Label"]))
    by_path = collection.frame.set_index("cover_id")["path"].map(lambda at: Path(at).name)
    assert values.set_axis(by_path[values.index]).to_dict("index") == {
        "a.png": {"year": "1975", "Label": "Trojan"},
        "b.png": {"year": "", "Label": ""},
    }
    assert others.drop(columns="path").to_numpy().tolist() == [
        ["year", "1976", "1975", ANOTHER_ROW],
        ["Label", "", "Trojan", ANOTHER_ROW],
    ]


def test_a_folder_has_no_columns(tmp_path):
    save(tmp_path / "dub" / "a.png", solid("red"))
    with pytest.raises(UserError, match="needs a manifest"):
        read_metadata(tmp_path, ["year"])
