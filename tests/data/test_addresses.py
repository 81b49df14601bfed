"""An address gives the same pictures, bytes and reasons as the folder behind it."""

import importlib.util
from pathlib import Path

import pytest

from data.addresses import filesystem, is_address, list_address, read_address
from data.errors import UserError
from data.pictures import PictureError, decode
from data.sources import list_pictures, read_bytes
from tests.pictures import Bad, bad_files, encode, save_folders, save_zip, solid


def _address(path: Path) -> str:
    return f"file://{path}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = save_folders(tmp_path / "covers", {"dub": [solid("red"), solid("blue")], "opera": [solid("gold")]})
    save_zip(root / "Rock.zip", {"Rock/å b.jpg": solid("black"), "Rock/c!d.jpg": solid("white")})
    (root / "opera" / ".DS_Store").write_bytes(b"litter")
    return root


def test_lists_what_the_folder_holds(folder: Path) -> None:
    listed = [address.removeprefix("file://") for address in list_address(_address(folder))]
    assert sorted(listed) == sorted(list_pictures([str(folder)]))
    assert len(listed) == 5


def test_reads_the_bytes_of_files_and_members(folder: Path) -> None:
    for address in list_address(_address(folder)):
        assert read_address(address) == read_bytes(address.removeprefix("file://"))


def test_one_picture_and_one_zip_are_listed_too(folder: Path) -> None:
    picture = _address(folder / "dub" / "000.jpg")
    assert list(list_address(picture)) == [picture]
    assert len(list(list_address(_address(folder / "Rock.zip")))) == 2


def test_memory_is_an_address() -> None:
    store, path = filesystem("memory://covers/a.jpg")
    store.pipe_file(path, encode(solid("red")))
    assert [read_address(a) for a in list_address("memory://covers")] == [encode(solid("red"))]


@pytest.mark.parametrize("bad", bad_files(), ids=lambda bad: bad.name)
def test_what_is_wrong_is_said_as_for_a_file(bad: Bad, tmp_path: Path) -> None:
    (tmp_path / bad.file).write_bytes(bad.data)
    (address,) = list_address(_address(tmp_path / bad.file))
    with pytest.raises(PictureError) as here:
        decode(read_address(address))
    with pytest.raises(PictureError) as there:
        decode(read_bytes(address.removeprefix("file://")))
    assert str(here.value) == str(there.value)


def test_what_is_not_there_is_passed_on(tmp_path: Path) -> None:
    (address,) = list_address(_address(tmp_path / "nowhere.jpg"))
    with pytest.raises(PictureError, match="no such file"):
        read_address(address)


def test_a_missing_package_is_named() -> None:
    if importlib.util.find_spec("s3fs"):
        pytest.skip("s3fs is installed")
    with pytest.raises(UserError, match="pip install s3fs"):
        filesystem("s3://bucket/covers")
    with pytest.raises(UserError, match=r"no protocol 's4'.*Did you mean"):
        filesystem("s4://bucket/covers")


def test_paths_are_no_addresses() -> None:
    assert is_address("s3://bucket/a.jpg")
    for path in ("covers/a.jpg", "/covers/a:b.jpg", "c:/covers", "Rock.zip!Rock/a.jpg", "://"):
        assert not is_address(path)
