"""The store gives back what was put in, whole or not at all."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.data.errors import UserError
from coverfusion.features import store as module
from coverfusion.features.store import Store

COLUMNS = ["a", "b"]


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
    store.write("t-1", COLUMNS, [_id(2)], np.ones((1, 2), np.float32))
    shard = next((tmp_path / "t-1").glob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-20])
    again = Store(tmp_path)
    with pytest.warns(UserWarning, match="damaged") as said:
        (lost,) = again.missing("t-1", [_id(1), _id(2)])
    assert len(said) == 1
    assert len(list(shard.parent.glob("*.broken"))) == 1
    again.write("t-1", COLUMNS, [lost], np.ones((1, 2), np.float32))
    assert (Store(tmp_path).read("t-1", [_id(1), _id(2)], 2)[0] == 1).all()


@pytest.mark.parametrize("name", ["shard", "block.json"])
def test_a_flipped_bit_is_noticed_or_harmless(tmp_path: Path, name: str) -> None:
    ids, values = [_id(n) for n in range(4)], np.arange(8, dtype=np.float32).reshape(4, 2)
    Store(tmp_path).write("t-1", COLUMNS, ids, values, ["a", "b", "c", "d"])
    folder = tmp_path / "t-1"
    (file,) = folder.glob("*.parquet") if name == "shard" else [folder / name]
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        file.write_bytes(flipped)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            store = Store(tmp_path)
            missing = store.missing("t-1", ids)
            rows, notes = store.read("t-1", ids, 2)
        if name == "shard":
            assert missing == ids
            assert np.isnan(rows).all()
        else:
            assert (rows.tolist(), notes) == (values.tolist(), ["a", "b", "c", "d"])


def test_a_row_that_is_damaged_between_looking_and_reading_is_no_nan(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("t-1", COLUMNS, [_id(1)], np.ones((1, 2), np.float32))
    assert not store.missing("t-1", [_id(1)])
    (shard,) = (tmp_path / "t-1").glob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(UserError, match="same command again"):
        store.read("t-1", [_id(1)], 2)
    assert store.missing("t-1", [_id(1)]) == [_id(1)]


def test_shards_of_an_earlier_version_get_a_digest_for_a_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for n in range(2):
        store.write("t-1", COLUMNS, [_id(n)], np.full((1, 2), n, np.float32))
    first, second = (tmp_path / "t-1").glob("*.parquet")
    first.rename(first.with_name(f"{'0' * 32}.parquet"))
    second.rename(second.with_name(f"{'1' * 32}.parquet"))
    again = Store(tmp_path)
    assert again.read("t-1", [_id(1), _id(0)], 2)[0].tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert {path.name for path in first.parent.glob("*.parquet")} == {first.name, second.name}
    second.rename(second.with_name(f"{'1' * 32}.parquet")).write_bytes(b"PAR1 nothing PAR1")
    with pytest.warns(UserWarning, match="damaged"):
        assert len(Store(tmp_path).missing("t-1", [_id(0), _id(1)])) == 1


def test_an_earlier_store_that_may_only_be_read_is_read(small_disk: Path) -> None:
    store = Store(small_disk)
    for n in range(3):
        store.write("t-1", COLUMNS, [_id(n)], np.full((1, 2), n, np.float32))
    for n, shard in enumerate(list((small_disk / "t-1").glob("*.parquet"))):
        shard = shard.rename(shard.with_name(f"{n:032}.parquet"))
    shard.write_bytes(b"PAR1 nothing PAR1")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    reader = Store(small_disk)
    with pytest.warns(UserWarning, match="damaged"):
        lacking = reader.missing("t-1", [_id(n) for n in range(3)])
    assert len(lacking) == 1
    for n in range(3):
        expected = np.nan if _id(n) in lacking else n
        np.testing.assert_array_equal(reader.read("t-1", [_id(n)], 2)[0], [[expected] * 2])


def test_a_listing_during_a_merge_leaves_no_row_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [_id(n) for n in range(3)]
    for n in range(3):
        Store(tmp_path).write("t-1", COLUMNS, [ids[n]], np.full((1, 2), n, np.float32))
    plain, merges = module._open, [True]

    def open_after_a_merge(*args: Any) -> Any:
        if merges:
            merges.pop()
            Store(tmp_path).merge("t-1")
        return plain(*args)

    monkeypatch.setattr(module, "_open", open_after_a_merge)
    reader = Store(tmp_path)
    assert not reader.missing("t-1", ids)
    assert reader.read("t-1", ids, 2)[0].tolist() == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]


WORKER = """
import hashlib, sys
import numpy as np
from coverfusion.features import store as module
module.MAX_SMALL_SHARDS = 4
store, rng = module.Store(sys.argv[1]), np.random.default_rng(int(sys.argv[2]))
ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(40)]
value = np.repeat(np.arange(40, dtype=np.float32)[:, None], 2, axis=1)
for start in rng.permutation(range(0, 40, 4)):
    some = range(start, start + 4)
    lacking = set(store.missing("t-1", [ids[n] for n in some]))
    mine = [n for n in some if ids[n] in lacking]
    store.write("t-1", ["a", "b"], [ids[n] for n in mine], value[mine])
    rows, _ = store.read("t-1", [ids[n] for n in some], 2)
    assert (rows == value[list(some)]).all(), rows
assert not store.missing("t-1", ids)
assert (store.read("t-1", ids, 2)[0] == value).all()
"""


def test_workers_on_one_store_find_every_row(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", WORKER, tmp_path]
    workers = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE) for n in range(4)]
    for worker in workers:
        assert worker.wait() == 0, worker.stderr and worker.stderr.read().decode()
        assert worker.stderr is not None
        worker.stderr.close()


def test_large_results_are_mapped_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write("t-1", COLUMNS, [_id(1)], np.ones((1, 2), np.float32))
    monkeypatch.setattr(module, "MAX_BYTES_IN_MEMORY", 0)
    rows, _ = store.read("t-1", [_id(1), _id(2)], 2)
    assert isinstance(rows, np.memmap)
    assert rows[0].tolist() == [1.0, 1.0]
    assert np.isnan(rows[1]).all()


FILLER = """
import hashlib, sys
import numpy as np
from coverfusion.features import store as module
from coverfusion.data.errors import UserError
store, rng = module.Store(sys.argv[1]), np.random.default_rng(0)
module.MAX_BYTES_IN_MEMORY = int(sys.argv[2])
try:
    for n in range(1, 200):
        ids = [hashlib.sha256(f"{n} {i}".encode()).hexdigest() for i in range(50)]
        store.write("t-1", ["a", "b"], ids, rng.random((50, 2), np.float32))
        store.read("t-1", ids * 100 * int(sys.argv[3]), 2)
except UserError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize("mapped", [False, True], ids=["written", "mapped"])
def test_a_full_disk_is_said_and_loses_nothing(small_disk: Path, mapped: bool) -> None:
    """In a process of its own: a mapped page without a block behind it would end this one."""
    Store(small_disk).write("t-1", COLUMNS, [_id(0)], np.ones((1, 2), np.float32))
    settings = ["0", "10"] if mapped else [str(module.MAX_BYTES_IN_MEMORY), "0"]
    done = subprocess.run(
        [sys.executable, "-c", FILLER, small_disk, *settings], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert re.search(r"disk is full.*run the same command again", done.stdout)
    left = Store(small_disk)
    assert left.read("t-1", [_id(0)], 2)[0].tolist() == [[1.0, 1.0]]
    assert not list((small_disk / "t-1").glob(".*partial"))


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="file"):
        Store(tmp_path / "file").write("t-1", COLUMNS, [_id(1)], np.ones((1, 2), np.float32))
