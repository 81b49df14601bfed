"""The cache of decoded covers: each decoded once, whole ones only, each side by itself."""

import hashlib
import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.features.decoded import LINE_BYTES, LISTING, decode_all, missing
from coverfusion.features.pixels import Pixels
from tests.helpers.pictures import encode, solid

COLOURS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (90, 90, 90)]


@pytest.fixture
def covers(tmp_path: Path) -> pd.DataFrame:
    """Four covers of one colour each."""
    rows = []
    for n, colour in enumerate(COLOURS):
        path, content = tmp_path / f"{n}.png", encode(solid(colour, (40, 40)), "PNG")
        path.write_bytes(content)
        rows.append((hashlib.sha256(content).hexdigest(), str(path)))
    return pd.DataFrame(rows, columns=["cover_id", "path"])


def colours(column: pd.Series) -> list[tuple[int, ...]]:
    assert all((cell == cell[0, 0]).all() for cell in column)
    return [tuple(cell[0, 0].tolist()) for cell in column]


def test_cells_come_back_by_id_in_the_order_asked(covers: pd.DataFrame, tmp_path: Path) -> None:
    done: list[int] = []
    decoded, failures = decode_all(covers, Pixels(32), tmp_path / "store", done.append)
    assert not failures
    assert sum(done) == 4
    ids = covers["cover_id"].tolist()
    column = decoded.column([ids[2], f"{ids[0]}:Pop", "not there"])
    assert column.index.name == "cover_id"
    assert column.iloc[2] is None
    assert colours(column[:2]) == [COLOURS[2], COLOURS[0]]
    assert column.iloc[0].shape == (32, 32, 3)
    assert not column.iloc[0].flags.writeable


def test_the_second_call_decodes_nothing_and_later_covers_are_added(
    covers: pd.DataFrame, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    assert missing(covers, Pixels(32), store) == 4
    decode_all(covers[:3], Pixels(32), store)
    assert missing(covers, Pixels(32), store) == 1
    for path in covers["path"][:3]:
        Path(path).unlink()
    done: list[int] = []
    decoded, failures = decode_all(covers, Pixels(32), store, done.append)
    assert not failures
    assert done == [1]
    assert colours(decoded.column(covers["cover_id"])) == COLOURS
    decode_all(covers, Pixels(32), store, done.append)
    assert done == [1]


@pytest.mark.parametrize(("pixels_left", "ids_left"), [(1.5, 4), (4, 2.3), (0, 4), (3.999, 3)])
def test_what_a_killed_run_left_is_cut_off_and_the_rest_decoded(
    covers: pd.DataFrame, tmp_path: Path, pixels_left: float, ids_left: float
) -> None:
    store = tmp_path / "store"
    decoded, _ = decode_all(covers, Pixels(32), store)
    os.truncate(decoded.folder / "pixels.dat", int(pixels_left * 32 * 32 * 3))
    os.truncate(decoded.folder / LISTING, int(ids_left * LINE_BYTES))
    done: list[int] = []
    again, failures = decode_all(covers, Pixels(32), store, done.append)
    assert not failures
    assert sum(done) == 4 - int(min(pixels_left, ids_left))
    assert colours(again.column(covers["cover_id"])) == COLOURS


@pytest.mark.parametrize("name", ["pixels.dat", LISTING])
def test_a_flipped_bit_is_decoded_again_with_one_warning(
    covers: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    rng = np.random.default_rng(0)
    for n in range(8):
        store = tmp_path / str(n)
        decoded, _ = decode_all(covers, Pixels(32), store)
        file = decoded.folder / name
        whole = bytearray(file.read_bytes())
        whole[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        file.write_bytes(whole)
        done: list[int] = []
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            again, _ = decode_all(covers, Pixels(32), store, done.append)
        assert colours(again.column(covers["cover_id"])) == COLOURS
        assert (len(said), sum(done)) == (1, 1) or (name == LISTING and len(said) <= 1 and sum(done) <= 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            decode_all(covers, Pixels(32), store)


def test_two_sides_lie_apart(covers: pd.DataFrame, tmp_path: Path) -> None:
    small, _ = decode_all(covers, Pixels(32), tmp_path / "store")
    large, _ = decode_all(covers, Pixels(48), tmp_path / "store")
    assert small.folder != large.folder
    for decoded, side in ((small, 32), (large, 48)):
        column = decoded.column(covers["cover_id"])
        assert column.iloc[0].shape == (side, side, 3)
        assert colours(column) == COLOURS


def test_a_broken_picture_is_a_failure_and_the_others_are_there(covers: pd.DataFrame, tmp_path: Path) -> None:
    content = b"no picture"
    (tmp_path / "1.png").write_bytes(content)
    covers.loc[1, "cover_id"] = hashlib.sha256(content).hexdigest()
    decoded, (failure,) = decode_all(covers, Pixels(32), tmp_path / "store")
    assert (failure.cover_id, failure.path, failure.block) == (*covers.loc[1], "")
    assert "not a picture" in failure.reason
    column = decoded.column(covers["cover_id"])
    assert column.iloc[1] is None
    assert colours(column.drop(covers.loc[1, "cover_id"])) == [COLOURS[0], *COLOURS[2:]]


def test_it_can_be_sent_to_another_process_and_be_empty(covers: pd.DataFrame, tmp_path: Path) -> None:
    decoded, _ = decode_all(covers, Pixels(32), tmp_path / "store")
    sent = pickle.dumps(decoded)
    assert len(sent) < 2000
    column = pickle.loads(sent).column(covers["cover_id"])
    np.testing.assert_array_equal(column.iloc[3], np.full((32, 32, 3), 90))
    empty, _ = decode_all(covers[:0], Pixels(48), tmp_path / "store")
    assert empty.column(["x"]).tolist() == [None]


def test_a_folder_that_cannot_be_written_is_the_users_to_mend(covers: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(UserError, match="--store"):
        decode_all(covers, Pixels(32), tmp_path / "store")
