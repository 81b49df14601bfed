"""Contact sheets: each picture in its place, unreadable ones named, and a limit that is kept."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coverfusion.experiments.drawing.contact_sheets import ACROSS, contact_sheets
from tests.helpers.pictures import encode, noise, solid


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """103 pictures: number n has the colour (2 n, 250 - 2 n, 99)."""
    folder = tmp_path_factory.mktemp("pictures")
    for n in range(103):
        (folder / f"{n:03d}.jpg").write_bytes(encode(solid((2 * n, 250 - 2 * n, 99), (40, 40))))
    return [str(folder / f"{n:03d}.jpg") for n in range(103)]


def _pixels(jpeg: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(jpeg)))


def test_pictures_stand_row_by_row(paths: list[str]) -> None:
    sheets = contact_sheets(paths, side=16, most_bytes=10**6)
    assert (sheets.count, len(sheets.jpegs), sheets.missing) == (103, 2, [])
    assert _pixels(sheets.jpegs[0]).shape == (16 * ACROSS, 16 * ACROSS, 3)
    assert _pixels(sheets.jpegs[1]).shape == (16, 16 * ACROSS, 3)
    for n in (0, 9, 10, 57, 99, 100, 102):
        spot = n % 100
        middle = _pixels(sheets.jpegs[n // 100])[spot // 10 * 16 + 8, spot % 10 * 16 + 8]
        assert middle.astype(int) == pytest.approx((2 * n, 250 - 2 * n, 99), abs=12)


def test_unreadable_pictures_leave_a_grey_place(paths: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    given = [paths[0], str(tmp_path / "broken.jpg"), "/nowhere.jpg", paths[100]]
    sheets = contact_sheets(given, side=16, most_bytes=10**6)
    assert sheets.missing == [1, 2]
    assert sheets.count == 4
    assert _pixels(sheets.jpegs[0])[8, 24].astype(int) == pytest.approx((128, 128, 128), abs=6)


def test_the_limit_is_kept_in_whole_sheets(tmp_path: Path) -> None:
    (tmp_path / "noise.jpg").write_bytes(encode(noise(size=(64, 64))))
    noisy = [str(tmp_path / "noise.jpg")] * 250
    one = len(contact_sheets(noisy[:100], side=32, most_bytes=10**7).jpegs[0])
    sheets = contact_sheets(noisy, side=32, most_bytes=int(1.5 * one))
    assert (sheets.count, len(sheets.jpegs)) == (100, 1)
    assert contact_sheets(noisy, side=32, most_bytes=10).count == 0
