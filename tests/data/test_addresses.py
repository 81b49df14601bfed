"""An address gives the same pictures, bytes and reasons as the folder behind it."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from coverfusion.data.addresses import Address, filesystem, is_address, list_address, place, read_address
from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureError, decode
from coverfusion.data.sources import Entry, list_entries, list_pictures, read_bytes
from tests.helpers.pictures import (
    Bad,
    bad_files,
    encode,
    face,
    noise,
    save_folders,
    save_manifest,
    save_zip,
    solid,
)


def _address(path: Path) -> str:
    return f"file://{path}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = save_folders(tmp_path / "covers", {"dub": [solid("red"), solid("blue")], "opera": [solid("gold")]})
    save_zip(root / "Rock.zip", {"Rock/å b.jpg": solid("black"), "Rock/c!d.jpg": solid("white")})
    (root / "opera" / ".DS_Store").write_bytes(b"litter")
    return root


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's store in memory, empty again afterwards."""
    store = fsspec.filesystem("memory")
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


def test_lists_what_the_folder_holds(folder: Path) -> None:
    listed = [address.removeprefix("file://") for address in list_address(_address(folder))]
    assert sorted(listed) == sorted(list_pictures([str(folder)]))
    assert len(listed) == 5
    assert list(list_pictures([_address(folder)])) == list(list_address(_address(folder)))


def test_reads_the_bytes_of_files_and_members(folder: Path) -> None:
    for address in list_address(_address(folder)):
        assert read_bytes(address) == read_bytes(address.removeprefix("file://"))


def test_one_picture_and_one_zip_are_listed_too(folder: Path) -> None:
    picture = _address(folder / "dub" / "000.jpg")
    assert list(list_address(picture)) == [picture]
    assert len(list(list_address(_address(folder / "Rock.zip")))) == 2
    listed = list(list_pictures([str(folder / "Rock.zip"), _address(folder / "Rock.zip")]))
    assert [path.removeprefix("file://") for path in listed[2:]] == listed[:2]


def test_memory_is_an_address(memory: Any) -> None:
    store, path = filesystem("memory://covers/a.jpg")
    assert store is memory
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


# --- collections ---------------------------------------------------------------------------------------


def test_an_address_knows_itself_as_a_path_does() -> None:
    for text in ("s3://bucket/Rock.zip", "s3://bucket/a.b/covers", "gs://bucket"):
        address, path = place(text), Path(text)
        assert isinstance(address, Address)
        assert (address.name, address.stem, address.suffix) == (path.name, path.stem, path.suffix)
    assert str(place("s3://bucket/covers/")) == "s3://bucket/covers"
    assert place("covers") == Path("covers")
    assert Address("s3://bucket/lists/a.csv").beside("../covers/b.jpg") == "s3://bucket/covers/b.jpg"


def test_entries_come_in_the_order_of_the_folder_behind_the_address(tmp_path: Path) -> None:
    red = encode(solid("red", (8, 8)))
    save_folders(tmp_path, {"Rock": [red], "Rock/live": [red], "Rock/a": [red], "Pop": [red]})
    save_zip(tmp_path / "Jazz.zip", {"cd/a.jpg": red, "cd/b.jpg": red})
    save_zip(tmp_path / "Rock" / "b.zip", {"b.jpg": red})
    (tmp_path / "Dub.zip").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("about")
    (tmp_path / "Pop" / ".DS_Store").write_bytes(b"litter")
    by_folder = list(list_entries(tmp_path))
    assert [entry.genre for entry in by_folder] == ["Dub", "Jazz", "Jazz", "Pop", *["Rock"] * 4, ""]
    assert list(list_entries(place(_address(tmp_path)))) == _at(by_folder)


@pytest.mark.parametrize("name", ["Blues.zip", "covers.csv", "covers.parquet"])
def test_a_zip_and_a_manifest_may_lie_at_an_address(name: str, folder: Path) -> None:
    rows = [{"path": "Rock.zip!Rock/c!d.jpg", "genre": "Rock", "artist": "Nina", "group": "7"}]
    if name.endswith(".zip"):
        save_zip(folder / name, {"Soul/a.jpg": solid("red"), "Funk/b.jpg": solid("blue"), "c.jpg": b""})
    else:
        save_manifest(folder / name, [*rows, {"path": "dub/000.jpg", "genre": "dub"}])
    by_path = list(list_entries(folder / name))
    by_address = list(list_entries(place(_address(folder / name))))
    assert by_address == _at(by_path)
    assert [read_bytes(e.path) for e in by_address] == [read_bytes(e.path) for e in by_path]


def _at(entries: list[Entry]) -> list[Entry]:
    return [Entry(f"file://{e.path}", e.genre, e.artist, e.group) for e in entries]


def test_a_manifest_may_name_addresses_and_absolute_paths(memory: Any, tmp_path: Path) -> None:
    memory.pipe_file("/covers/a.jpg", encode(solid("red")))
    save_folders(tmp_path, {"any": [solid("blue")]})
    paths = ["memory://covers/a.jpg", str(tmp_path / "any" / "000.jpg")]
    rows = [{"path": path, "genre": "Rock"} for path in paths]
    manifest = save_manifest(tmp_path / "covers.csv", rows)
    memory.pipe_file("/lists/covers.csv", manifest.read_bytes())
    for here in (manifest, place("memory://lists/covers.csv")):
        assert [entry.path for entry in list_entries(here)] == paths
        assert [len(read_bytes(entry.path)) > 0 for entry in list_entries(here)] == [True, True]


@pytest.mark.parametrize("keep", ["drop", "first", "all"])
def test_a_collection_is_the_same_by_folder_and_by_address(keep: Any, memory: Any, tmp_path: Path) -> None:
    noises = [encode(noise(seed, (64, 64))) for seed in range(4)]
    again = encode(face().resize((200, 200)), quality=60)
    root = save_folders(
        tmp_path / "c", {"Pop": [noises[3], again, b"no cover"], "Rock": [noises[0], noises[0], noises[3]]}
    )
    save_zip(root / "Soul.zip", {"a.jpg": noises[1], "b.jpg": noises[2][:200], "c.jpg": face()})
    memory.put(str(root), "/covers", recursive=True)
    by_folder, by_address = read_collection(root, keep), read_collection(place("memory://covers/"), keep)
    assert by_address.counts == by_folder.counts
    assert by_address.counts["files"] == 9
    assert by_address.counts["rejected"] == 2
    assert by_address.fingerprint() == by_folder.fingerprint()
    for found, expected in (
        (by_address.frame, by_folder.frame),
        (by_address.rejected, by_folder.rejected),
        (by_address.conflicts, by_folder.conflicts),
    ):
        places = expected.columns.intersection(["path", "partner"])
        moved = {name: "memory://covers" + expected[name].str.removeprefix(str(root)) for name in places}
        assert found.equals(expected.assign(**moved))
    assert by_address.rejected["path"].tolist() == [
        "memory://covers/Pop/002.jpg",
        "memory://covers/Soul.zip!b.jpg",
    ]


def test_what_is_no_collection_is_said(memory: Any) -> None:
    memory.pipe_file("/covers/a.jpg", b"x")
    for address, message in (
        ("memory://nowhere", "no collection at memory://nowhere"),
        ("memory://covers/a.jpg", r"a\.jpg is no collection"),
        ("s4://bucket/covers", "no protocol 's4'"),
    ):
        with pytest.raises(UserError, match=message):
            list(list_entries(place(address)))


def test_a_store_that_refuses_is_named() -> None:
    class Refusing(fsspec.AbstractFileSystem):
        protocol = "refusing"

        def ls(self, path: str, detail: bool = True, **_: Any) -> list:
            raise RuntimeError("no credentials\nand a long story")

    fsspec.register_implementation("refusing", Refusing, clobber=True)
    with pytest.raises(UserError, match=r"^refusing://covers cannot be listed: no credentials$"):
        list(list_entries(place("refusing://covers")))
    with pytest.raises(PictureError, match="cannot be read"):
        read_bytes("refusing://covers/a.jpg")
