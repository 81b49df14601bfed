"""The ceiling that conflicts leave, by hand."""

from pathlib import Path

import pandas as pd
import pytest

from coverfusion.data.collection import read_collection
from coverfusion.experiments.evaluation.ceiling import conflict_ceiling, pictures_of
from tests.helpers.pictures import encode, grained, save_folders, solid

COLUMNS = ["cover_id", "path", "genre", "partner"]
# one picture under two genres; another under three, in two scans of the first genre
CONFLICTS = pd.DataFrame(
    [
        ("a", "pop/1", "pop", "rock/1"),
        ("a", "rock/1", "rock", "pop/1"),
        ("b", "pop/2", "pop", "rock/2"),
        ("c", "pop/3", "pop", "rock/2"),
        ("d", "rock/2", "rock", "pop/2"),
        ("e", "jazz/2", "jazz", "pop/2"),
    ],
    columns=COLUMNS,
)


def test_one_genre_of_each_picture_can_be_right() -> None:
    assert pd.Series(pictures_of(CONFLICTS)).nunique() == 2
    # right at best: one of two, and two of four; 14 others can all be right
    assert conflict_ceiling(CONFLICTS, 20) == pytest.approx((14 + 1 + 2) / 20)
    assert conflict_ceiling(CONFLICTS.iloc[:0], 20) == 1
    with pytest.raises(ValueError, match="5 entries"):
        conflict_ceiling(CONFLICTS, 5)


def test_of_a_collection(tmp_path: Path) -> None:
    genres = {"dub": "green", "opera": "red"}
    save_folders(
        tmp_path, {g: [grained(solid(c, (96, 96)), [n, len(g)]) for n in range(4)] for g, c in genres.items()}
    )
    for genre in genres:
        (tmp_path / genre / "shared.jpg").write_bytes(encode(grained(solid("blue", (96, 96)), 7)))
    for keep in ("drop", "first", "all"):
        read = read_collection(tmp_path, keep=keep)
        assert conflict_ceiling(read.conflicts, len(read) + read.counts["left_out"]) == pytest.approx(9 / 10)
