"""Extraction: each row computed once, bad pictures listed, killed runs continued."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.data.machine_faults import MachineError
from coverfusion.features import extract as module
from coverfusion.features.extract import extract, read_table
from coverfusion.features.failure_limit import FailureLimit
from coverfusion.features.registry import create, fingerprint_of
from coverfusion.features.store import Store
from tests.helpers.pictures import encode, noise, solid


class Redness:
    """A real, tiny extractor: mean red and green; counts the pictures that it saw."""

    name = "redness"
    version = "1"
    columns = ("red", "green")

    def __init__(self, *, scale: float = 1.0) -> None:
        self.scale = scale
        self.seen = 0

    def describe(self) -> dict[str, str]:
        return {"red": "mean red, 0-255", "green": "mean green, 0-255"}

    def weights(self) -> Sequence[object]:
        return ()

    def fingerprint(self) -> str:
        return fingerprint_of(self)

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        self.seen += len(images)
        return np.array([np.asarray(i)[..., :2].mean(axis=(0, 1)) * self.scale for i in images], np.float32)


class Picky(Redness):
    """Raises for pictures that are not square."""

    name = "picky"

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        for image in images:
            if image.width != image.height:
                raise RuntimeError("not square")
        return super().__call__(images)


def _covers(folder: Path, pictures: dict[str, Image | bytes]) -> pd.DataFrame:
    folder.mkdir(exist_ok=True, parents=True)
    rows = []
    for name, picture in pictures.items():
        content = picture if isinstance(picture, bytes) else encode(picture, "PNG")
        (folder / name).write_bytes(content)
        rows.append((hashlib.sha256(content).hexdigest(), str(folder / name)))
    return pd.DataFrame(rows, columns=["cover_id", "path"])


def test_rows_arrive_under_their_cover(tmp_path: Path) -> None:
    covers = _covers(tmp_path / "c", {"r.png": solid("red"), "g.png": solid("lime"), "k.png": solid("black")})
    store, extractor = Store(tmp_path / "s"), Redness()
    assert extract(covers, [extractor], store) == []
    frame = read_table(covers["cover_id"].tolist(), [extractor], store).frame()
    assert list(frame.columns) == ["redness.red", "redness.green"]
    assert frame.to_numpy().tolist() == [[255, 0], [0, 255], [0, 0]]


def test_a_second_run_computes_nothing_and_another_parameter_only_that_block(tmp_path: Path) -> None:
    covers = _covers(tmp_path / "c", {f"{n}.png": noise(n, (16, 16)) for n in range(5)})
    store = Store(tmp_path / "s")
    extract(covers, [Redness(), Picky()], store)
    again, other, same = Redness(), Redness(scale=2.0), Picky()
    extract(covers, [again], Store(tmp_path / "s"))
    assert again.seen == 0
    extract(covers, [other, same], Store(tmp_path / "s"))
    assert (other.seen, same.seen) == (5, 0)


def test_a_parameter_of_color_recomputes_color_only(tmp_path: Path) -> None:
    covers = _covers(tmp_path / "c", {f"{n}.png": noise(n, (32, 32)) for n in range(3)})
    store = Store(tmp_path / "s")
    ids = covers["cover_id"].tolist()
    extract(covers, [create("color"), create("texture")], store)
    changed = create("color", palette=4)
    assert store.missing(changed.fingerprint(), ids) == ids
    assert store.missing(create("texture").fingerprint(), ids) == []


def test_the_same_cover_in_two_collections_is_computed_once(tmp_path: Path) -> None:
    first = _covers(tmp_path / "a", {"x.png": solid("red"), "y.png": solid("blue")})
    second = _covers(tmp_path / "b", {"copy of x.png": solid("red"), "z.png": solid("white")})
    store, extractor = Store(tmp_path / "s"), Redness()
    extract(first, [extractor], store)
    extract(second, [extractor], store)
    assert extractor.seen == 3


def test_copies_within_a_collection_are_computed_once(tmp_path: Path) -> None:
    covers = _covers(tmp_path / "c", {"x.png": solid("red"), "copy.png": solid("red")})
    extractor = Redness()
    extract(covers, [extractor], Store(tmp_path / "s"))
    assert extractor.seen == 1


def test_what_another_process_writes_meanwhile_is_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "decoded_ahead", partial(module.decoded_ahead, chunk=2))
    pictures = {f"{n}.png": solid((40 * n, 9, 0), (8, 8)) for n in range(6)}
    covers, first, other = _covers(tmp_path / "c", pictures), Redness(), Redness()
    done: list[int] = []

    def progress(block: str, count: int, seconds: float) -> None:
        done.append(count)
        if len(done) == 1:
            extract(covers[2:4], [other], Store(tmp_path / "store"))

    extract(covers, [first], Store(tmp_path / "store"), progress)
    assert (first.seen, other.seen) == (4, 2)
    assert sum(done) == 6
    assert not Store(tmp_path / "store").missing(first.fingerprint(), covers["cover_id"].tolist())


def test_one_bad_picture_is_listed_and_spoils_nothing(tmp_path: Path) -> None:
    covers = _covers(
        tmp_path / "c", {"a.png": solid("red"), "bad.png": b"no picture", "b.png": solid("lime")}
    )
    store, extractor = Store(tmp_path / "s"), Redness()
    failures = extract(covers, [extractor], store)
    assert [(Path(f.path).name, f.block) for f in failures] == [("bad.png", "")]
    assert "not a picture" in failures[0].reason
    rows = read_table(covers["cover_id"].tolist(), [extractor], store).frame().to_numpy()
    assert np.isnan(rows[1]).all()
    assert not np.isnan(rows[[0, 2]]).any()


def test_one_picture_that_an_extractor_cannot_take_is_listed_and_tried_again(tmp_path: Path) -> None:
    covers = _covers(
        tmp_path / "c", {"a.png": solid("red"), "wide.png": solid("red", (20, 10)), "b.png": solid("lime")}
    )
    store = Store(tmp_path / "s")
    for _ in range(2):
        failures = extract(covers, [Picky(), Redness()], store)
        assert [(Path(f.path).name, f.block) for f in failures] == [("wide.png", "picky")]
    frame = read_table(covers["cover_id"].tolist(), [Picky(), Redness()], store).frame()
    assert frame["picky.red"].isna().tolist() == [False, True, False]
    assert frame["redness.red"].tolist() == [255.0, 255.0, 0.0]


class Unlucky(Redness):
    """Meets a fault of the machine at the second chunk."""

    name = "unlucky"
    fault: Exception | None = PermissionError(13, "Permission denied", "/home/me/.cache")

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        if self.seen and self.fault:
            raise self.fault
        return super().__call__(images)


def test_a_fault_of_the_machine_stops_at_once_and_is_held_against_no_cover(tmp_path: Path) -> None:
    covers = _covers(tmp_path / "c", {f"{n}.png": noise(n, (8, 8)) for n in range(70)})
    store, extractor, ids = Store(tmp_path / "s"), Unlucky(), covers["cover_id"].tolist()
    with pytest.raises(
        MachineError, match=r"Block 'unlucky' cannot go on: /home/me/.cache: Permission denied"
    ):
        extract(covers, [extractor], store)
    done = len(ids) - len(store.missing(extractor.fingerprint(), ids))
    assert done == extractor.seen == module.COVERS_PER_CHUNK
    extractor.fault = None
    assert extract(covers, [extractor], store) == []
    assert extractor.seen == len(ids)


def test_a_block_that_fails_on_many_covers_ends_the_run_with_its_reasons(tmp_path: Path) -> None:
    wide = {f"wide{n}.png": noise(n, (20, 10)) for n in range(4)}
    square = {f"{n}.png": noise(n, (10, 10)) for n in range(8)}
    covers = _covers(tmp_path / "c", square | wide)
    store = Store(tmp_path / "s")
    with pytest.raises(
        UserError, match=r"'picky' failed on 4 of 12 covers, more than 20%: RuntimeError: not square \(4\)"
    ):
        extract(covers, [Picky()], store)
    assert len(store.missing(Picky().fingerprint(), covers["cover_id"].tolist())) == 4
    assert len(extract(covers, [Picky()], store, max_failed=0.5)) == 4
    # what was done before counts: two of ten are not too many, though only they are tried
    fewer = pd.concat([covers[:8], covers[-2:]])
    assert len(extract(fewer, [Picky()], store)) == 2


def test_many_failures_are_told_long_before_the_end() -> None:
    limit = FailureLimit(0.2, {"a": 100})
    limit.add("a", 100, ["old reason"] * 60)
    with pytest.raises(
        UserError, match=r"a failed on 120 of 300 covers, .*: old reason \(60\); new reason \(60\)"
    ):
        limit.add("a", 100, ["new reason"] * 60)
    few = FailureLimit(0.2)
    few.add("b", 1_000_000, ["rare"] * 200_000)
    few.check()


def test_a_file_that_changed_meanwhile_is_not_stored_under_the_old_name(tmp_path: Path) -> None:
    covers = _covers(tmp_path / "c", {"a.png": solid("red")})
    Path(covers["path"][0]).write_bytes(encode(solid("blue"), "PNG"))
    failures = extract(covers, [Redness()], Store(tmp_path / "s"))
    assert "changed" in failures[0].reason


def test_a_picture_is_decoded_once_for_all_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    covers = _covers(tmp_path / "c", {f"{n}.png": noise(n, (8, 8)) for n in range(4)})
    decoded = []
    real = module.decode
    monkeypatch.setattr(module, "decode", lambda content: decoded.append(1) or real(content))
    extract(covers, [Redness(), Picky()], Store(tmp_path / "s"))
    assert len(decoded) == 4


SLOW_RUN = """
import sys, time
from pathlib import Path
import pandas as pd
from coverfusion.features.extract import extract
from coverfusion.features.store import Store
from coverfusion.features import extract as module
from tests.features.test_extract import Redness
module.COVERS_PER_CHUNK = 4
__name__ = "tests.slow"  # of the package of Redness, so that fingerprints are equal
class Slow(Redness):
    def __call__(self, images):
        with open(sys.argv[3], "a") as log:
            log.write("x" * len(images))
        time.sleep(0.05)
        return super().__call__(images)
covers = pd.read_csv(sys.argv[1])
module.decoded_ahead.__defaults__ = (4,)
extract(covers, [Slow()], Store(Path(sys.argv[2])))
"""


def test_a_run_killed_in_the_middle_computes_nothing_twice(tmp_path: Path) -> None:
    covers = _covers(tmp_path / "c", {f"{n}.png": noise(n, (8, 8)) for n in range(80)})
    covers.to_csv(tmp_path / "covers.csv", index=False)
    root, log = tmp_path / "s", tmp_path / "log"
    command = [sys.executable, "-c", SLOW_RUN, str(tmp_path / "covers.csv"), str(root), str(log)]
    root_folder = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root_folder)
    extractor = Redness()
    folder = root / extractor.fingerprint()
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*.parquet"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    stored = 80 - len(Store(root).missing(extractor.fingerprint(), covers["cover_id"].tolist()))
    assert 20 <= stored < 80, "killed in the middle"
    extract(covers, [extractor], Store(root))
    assert extractor.seen == 80 - stored
    assert log.stat().st_size - stored <= 4, "at most the chunk in flight was lost"
    rows = read_table(covers["cover_id"].tolist(), [extractor], Store(root)).frame()
    assert not rows.isna().to_numpy().any()
