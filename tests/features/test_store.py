"""The store gives back what was put in, whole or not at all."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.data.errors import UserError
from coverfusion.features import store as module
from coverfusion.features.store import Store

COLUMNS = ["a", "b"]


def _id(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def test_gives_back_rows_and_notes_in_the_order_asked(tmp_path: Path) -> None:
    store = Store(tmp_path)
    ids = [_id(n) for n in range(3)]
    store.write("color-1", COLUMNS, ids, np.arange(6, dtype=np.float32).reshape(3, 2), ["x", "y", "z"])
    rows, notes = Store(tmp_path).read("color-1", [ids[2], ids[0]], 2)
    assert rows.tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert rows.dtype == np.float32
    assert notes == ["z", "x"]


def test_what_is_not_there_is_missing_and_reads_as_nan(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("color-1", COLUMNS, [_id(1)], np.ones((1, 2), np.float32))
    assert store.missing("color-1", [_id(2), _id(1), _id(2)]) == [_id(2)]
    assert store.missing("color-2", [_id(1)]) == [_id(1)]
    rows, notes = store.read("color-1", [_id(2), _id(1)], 2)
    assert np.isnan(rows[0]).all()
    assert rows[1].tolist() == [1.0, 1.0]
    assert notes == [None, None]


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8), limit=st.integers(2, 6))
def test_merging_keeps_every_row(
    sizes: list[int], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("store")
    store = Store(root)
    ids = [_id(n) for n in range(sum(sizes))]
    values = np.arange(2 * len(ids), dtype=np.float32).reshape(-1, 2)
    start = 0
    for size in sizes:
        store.write("t-1", COLUMNS, ids[start : start + size], values[start : start + size])
        start += size
        if start >= limit:
            store.merge("t-1")
    for reader in (store, Store(root)):
        assert not reader.missing("t-1", ids)
        np.testing.assert_array_equal(reader.read("t-1", ids, 2)[0], values)


def test_many_small_shards_become_few(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for n in range(module.MAX_SMALL_SHARDS + 3):
        store.write("t-1", COLUMNS, [_id(n)], np.full((1, 2), n, np.float32))
    assert len(list((tmp_path / "t-1").glob("*.parquet"))) <= 4
    assert store.read("t-1", [_id(40)], 2)[0].tolist() == [[40.0, 40.0]]


def test_a_reader_survives_shards_merged_by_another_process(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for n in range(3):
        store.write("t-1", COLUMNS, [_id(n)], np.full((1, 2), n, np.float32))
    reader = Store(tmp_path)
    assert not reader.missing("t-1", [_id(0)])
    Store(tmp_path).merge("t-1")
    assert reader.read("t-1", [_id(2)], 2)[0].tolist() == [[2.0, 2.0]]


def test_a_damaged_shard_is_set_aside_and_its_covers_are_missing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("t-1", COLUMNS, [_id(1)], np.ones((1, 2), np.float32))
    shard = next((tmp_path / "t-1").glob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.warns(UserWarning, match="damaged"):
        assert Store(tmp_path).missing("t-1", [_id(1)]) == [_id(1)]
    assert shard.with_suffix(".broken").exists()


def test_large_results_are_mapped_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write("t-1", COLUMNS, [_id(1)], np.ones((1, 2), np.float32))
    monkeypatch.setattr(module, "MAX_BYTES_IN_MEMORY", 0)
    rows, _ = store.read("t-1", [_id(1), _id(2)], 2)
    assert isinstance(rows, np.memmap)
    assert rows[0].tolist() == [1.0, 1.0]
    assert np.isnan(rows[1]).all()


@pytest.fixture
def small_disk(tmp_path: Path):
    """A real file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, text=True
        )
        if shutil.which("mount") and os.geteuid() == 0
        else None
    )
    if done is None or done.returncode:
        pytest.skip("mounting a small file system needs root on Linux")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_loses_nothing(small_disk: Path) -> None:
    store = Store(small_disk)
    store.write("t-1", COLUMNS, [_id(0)], np.ones((1, 2), np.float32))
    rng = np.random.default_rng(0)

    def fill() -> None:
        for n in range(1, 200):
            store.write("t-1", COLUMNS, [_id((n, i)) for i in range(50)], rng.random((50, 2), np.float32))

    with pytest.raises(UserError, match=r"disk is full.*run the same command again"):
        fill()
    left = Store(small_disk)
    assert left.read("t-1", [_id(0)], 2)[0].tolist() == [[1.0, 1.0]]
    assert not list((small_disk / "t-1").glob(".*partial"))


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="file"):
        Store(tmp_path / "file").write("t-1", COLUMNS, [_id(1)], np.ones((1, 2), np.float32))
