"""What is read from a folder is what was written into it."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from coverfusion.data.checksums import SUMS_FILE, check_sums, damaged_file, write_sums
from coverfusion.data.errors import UserError
from coverfusion.data.sealed_files import read_sealed, write_sealed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files with their digests."""
    (tmp_path / "part").mkdir()
    (tmp_path / "a.csv").write_bytes(b"1,2,3")
    (tmp_path / "part" / "b.bin").write_bytes(bytes(range(50)))
    write_sums(tmp_path, ["a.csv", "part/b.bin"])
    return tmp_path


def test_sums_are_those_of_sha256sum(folder: Path) -> None:
    done = subprocess.run(["sha256sum", "-c", SUMS_FILE], cwd=folder, capture_output=True, text=True)
    assert done.stdout == "a.csv: OK\npart/b.bin: OK\n"


@pytest.mark.parametrize("name", ["a.csv", "part/b.bin", SUMS_FILE])
def test_every_flipped_bit_is_noticed(folder: Path, name: str) -> None:
    assert damaged_file(folder) is None
    whole = (folder / name).read_bytes()
    for place in range(len(whole) - (name == SUMS_FILE)):  # the last line break says nothing
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        (folder / name).write_bytes(flipped)
        # either blank between digest and name may be anything
        assert damaged_file(folder) or (name == SUMS_FILE and whole[place] == 32), place


def test_only_what_is_read_is_compared_but_nothing_listed_is_missing(folder: Path) -> None:
    (folder / "a.csv").write_bytes(b"1,2,4")
    check_sums(folder, ["part/b.bin", "not listed"])
    with pytest.raises(UserError, match=r"a\.csv.*Copy it anew"):
        check_sums(folder, ["a.csv"], "Copy it anew.")
    (folder / "a.csv").unlink()
    with pytest.raises(UserError, match=r"a\.csv is missing"):
        check_sums(folder, ["part/b.bin"])
    write_sums(folder, ["part/b.bin"])
    check_sums(folder)


def test_a_sealed_file_comes_back_or_is_set_aside(tmp_path: Path) -> None:
    path, rng = tmp_path / "new" / "kept", np.random.default_rng(0)
    assert read_sealed(path) is None
    for _ in range(30):
        write_sealed(path, b"content" * 9)
        assert read_sealed(path) == b"content" * 9
        whole = bytearray(path.read_bytes())
        whole[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(whole)
        with pytest.warns(UserWarning, match="damaged"):
            assert read_sealed(path) is None
        assert not path.exists()
