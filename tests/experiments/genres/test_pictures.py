"""Mean pictures of plain colours, and a word marked where it stands."""

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from coverfusion.experiments.drawing.thumbnails import picture_at
from coverfusion.experiments.genres.pictures import MOST_STRETCH, marked_picture, mean_pictures, stretch_of
from tests.helpers.pictures import encode, solid


def _picture(uri: str) -> np.ndarray:
    head, _, content = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))), dtype=float)


def _save(folder: Path, colours: dict[str, list[tuple[int, int, int]]]) -> pd.DataFrame:
    rows = []
    for genre, own in colours.items():
        for number, colour in enumerate(own):
            path = folder / f"{genre}{number}.png"
            path.write_bytes(encode(solid(colour, (60, 40)), "PNG"))
            rows.append({"path": str(path), "genre": genre})
    return pd.DataFrame(rows)


def test_the_mean_is_over_a_genre_and_over_the_rest(tmp_path: Path) -> None:
    covers = _save(
        tmp_path, {"a": [(100, 100, 200), (120, 140, 200)], "b": [(100, 120, 210)], "c": [(90, 120, 190)]}
    )
    means = mean_pictures(covers)
    assert set(means) == {"a", "b", "c"}
    assert means["a"].covers == 2
    assert _picture(means["a"].own).mean((0, 1)) == pytest.approx([110, 120, 200], abs=2)
    assert _picture(means["a"].others).mean((0, 1)) == pytest.approx([95, 120, 200], abs=2)
    grey = 127.5
    difference = _picture(means["a"].difference).mean((0, 1))
    # c differs most: its red by 16 2/3 from the others' mean of 106 2/3, and 127.5 has room for 7 times that
    assert {mean.stretch for mean in means.values()} == {7}
    assert difference == pytest.approx([grey + 7 * 15, grey, grey], abs=3)


def test_differences_are_drawn_as_large_as_fits() -> None:
    small, large = np.full((2, 2, 3), 3.0), np.full((2, 2, 3), -50.0)
    assert stretch_of([small]) == MOST_STRETCH
    assert stretch_of([small, large]) == 2  # 100 of 127.5
    assert stretch_of([np.full((1, 1, 3), 250.0)]) == 1
    assert stretch_of([small * 0]) == MOST_STRETCH


def test_what_cannot_be_read_any_more_is_left_out(tmp_path: Path) -> None:
    covers = _save(tmp_path, {"a": [(10, 20, 30), (90, 90, 90)], "b": [(50, 50, 50)]})
    (tmp_path / "a1.png").unlink()
    (tmp_path / "b0.png").write_bytes(b"no picture")
    means = mean_pictures(covers)
    assert list(means) == ["a"]
    assert means["a"].covers == 1
    assert _picture(means["a"].difference).mean() == pytest.approx(127.5, abs=2)  # no other to differ from
    assert picture_at(str(tmp_path / "a1.png")) is None
    assert marked_picture(str(tmp_path / "b0.png"), [[0, 0], [9, 0], [9, 9], [0, 9]]) is None


def test_a_box_is_drawn_where_the_word_is(tmp_path: Path) -> None:
    path = tmp_path / "cover.png"
    path.write_bytes(encode(solid((30, 60, 200), (256, 256)), "PNG"))
    plain = _picture(picture_at(str(path)) or "")
    marked = _picture(marked_picture(str(path), [[64, 64], [192, 64], [192, 128], [64, 128]]) or "")
    assert marked.shape == plain.shape == (128, 128, 3)
    changed = np.abs(marked - plain).max(axis=2) > 60
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert rows[[0, -1]] == pytest.approx([32, 64], abs=4)  # half the size: 64 to 128 becomes 32 to 64
    assert columns[[0, -1]] == pytest.approx([32, 96], abs=4)
    assert not changed[44:52, 44:84].any()  # the word itself stays as it was
