"""Covers of several genres: how they are read, and that splits keep genres, pairs and groups."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import (
    each_genre,
    found_separator,
    genre_names,
    indicator,
    labels_of,
    parted,
    seems_several,
    with_sets,
)
from coverfusion.data.splits import folds, split
from tests.helpers import pictures


def sets_of(path: Path, **options: str) -> dict[str, tuple[str, ...]]:
    frame = read_collection(path, labels="many", **options).frame
    return {Path(name).stem: genres for name, genres in zip(frame["path"], frame["genres"], strict=True)}


def test_the_same_picture_in_several_folders_is_one_cover_of_all_their_genres(tmp_path: Path) -> None:
    one, other = pictures.noise(1), pictures.noise(2)
    pictures.save_folders(tmp_path, {"Rock": [one, other], "Jazz": [one], "Pop": [one]})
    collection = read_collection(tmp_path, labels="many")
    assert sorted(collection.frame["genres"]) == [("Jazz", "Pop", "Rock"), ("Rock",)]
    assert sorted(collection.frame["genre"]) == ["Jazz|Pop|Rock", "Rock"]
    assert collection.counts["left_out"] == 0
    assert (collection.counts["copies"], collection.counts["merged"]) == (0, 2)
    assert "2 copies of a cover" in repr(collection)
    assert len(read_collection(tmp_path).frame) == 1  # of one genre each it is left out


def test_near_duplicates_under_several_genres_share_their_genres_and_a_group(tmp_path: Path) -> None:
    picture = pictures.grained(pictures.words("NEVERMIND"), 3)
    pictures.save_folders(
        tmp_path, {"Rock": [picture], "Pop": [picture.resize((280, 280))], "Jazz": [pictures.noise(1)]}
    )
    frame = read_collection(tmp_path, labels="many").frame
    both = frame[frame["genre"] == "Pop|Rock"]
    assert len(both) == 2
    assert both["group"].nunique() == 1


@pytest.mark.parametrize(
    ("cell", "separator", "genres"),
    [
        ("Rock|Pop", None, ("Pop", "Rock")),
        ("Rock; Pop", None, ("Pop", "Rock")),
        ("Folk, World, & Country", None, ("Folk, World, & Country",)),
        ("Rock, Pop", ",", ("Pop", "Rock")),
        ("Rock / Pop", "/", ("Pop", "Rock")),
        ("Rock|Rock", None, ("Rock",)),
    ],
)
def test_a_manifest_gives_several_genres_a_row(
    tmp_path: Path, cell: str, separator: str | None, genres: tuple[str, ...]
) -> None:
    pictures.noise(1).save(tmp_path / "a.png")
    pd.DataFrame({"path": ["a.png"], "genre": [cell]}).to_csv(tmp_path / "covers.csv", index=False)
    options = {} if separator is None else {"separator": separator}
    assert sets_of(tmp_path / "covers.csv", **options) == {"a": genres}


def test_a_list_in_parquet_holds_several_genres_and_a_column_genres_goes_first(tmp_path: Path) -> None:
    for name in "ab":
        pictures.noise(ord(name)).save(tmp_path / f"{name}.png")
    rows = pd.DataFrame({"path": ["a.png", "b.png"], "genre": [["Rock", "Pop"], ["Jazz"]]})
    rows.to_parquet(tmp_path / "covers.parquet")
    assert sets_of(tmp_path / "covers.parquet") == {"a": ("Pop", "Rock"), "b": ("Jazz",)}
    with pytest.raises(UserError, match="--labels many"):
        read_collection(tmp_path / "covers.parquet")
    grown = pd.DataFrame({"path": ["a.png"], "genre": ["Rock"], "genres": ["Rock|Folk"]})
    grown.to_csv(tmp_path / "grown.csv", index=False)
    assert sets_of(tmp_path / "grown.csv") == {"a": ("Folk", "Rock")}


def test_what_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    pictures.save_folders(tmp_path / "covers", {"Rock|Pop": [pictures.noise(1)], "Jazz": [pictures.noise(2)]})
    with pytest.raises(UserError, match=r"Rock\|Pop"):
        read_collection(tmp_path / "covers", labels="many")
    assert set(read_collection(tmp_path / "covers").frame["genre"]) == {"Rock|Pop", "Jazz"}
    with pytest.raises(UserError, match="keep"):
        read_collection(tmp_path / "covers", labels="many", keep="first")


def test_chosen_genres_leave_the_others_of_a_cover_out(tmp_path: Path) -> None:
    pictures.save_folders(
        tmp_path, {"Rock": [pictures.noise(1)], "Jazz": [pictures.noise(1)], "Pop": [pictures.noise(2)]}
    )
    frame = read_collection(tmp_path, labels="many", genres=["Rock", "Pop"]).frame
    assert sorted(frame["genre"]) == ["Pop", "Rock"]


def test_counts_by_genre_by_hand() -> None:
    covers = with_sets(
        pd.DataFrame({"cover_id": list("abc")}), pd.Series([["x", "y"], ["y"], ["z", "x", "x"]])
    )
    assert covers["genre"].tolist() == ["x|y", "y", "x|z"]
    assert genre_names(covers) == ["x", "y", "z"]
    assert each_genre(covers)["genre"].value_counts().to_dict() == {"x": 2, "y": 2, "z": 1}
    assert labels_of(covers).to_numpy().tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    assert indicator([("y",)], ["x", "y"]).tolist() == [[False, True]]
    assert (found_separator(["a;b", "c;d", "e|f"]), found_separator(["a, b"])) == (";", None)
    assert parted(" a ; b;", ";") == ["a", "b"]


@st.composite
def covers_of_several(draw: st.DrawFn) -> pd.DataFrame:
    """40 to 300 covers of 1 to 4 of 4 genres, in groups."""
    n = draw(st.integers(40, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    has = rng.random((n, 4)) < 0.3
    has[np.arange(n), rng.integers(0, 4, n)] = True
    frame = pd.DataFrame(
        {"cover_id": [f"{i:064x}" for i in rng.permutation(n)], "group": rng.integers(0, 2 * n, n)}
    )
    return with_sets(frame, pd.Series([[f"g{code}" for code in np.flatnonzero(own)] for own in has]))


@given(covers_of_several(), st.integers(0, 100))
def test_groups_stay_together_and_order_does_not_matter(frame: pd.DataFrame, seed: int) -> None:
    parts = split(frame, seed)
    assert parts.groupby(frame["group"].to_numpy()).nunique().max() == 1
    assert split(frame.sample(frac=1, random_state=seed), seed).to_dict() == parts.to_dict()
    numbers = folds(frame, 3, 1, seed).loc[frame["cover_id"], "repeat_0"]
    assert numbers.groupby(frame["group"].to_numpy()).nunique().max() == 1


def test_each_fold_has_its_share_of_each_genre_and_of_each_pair() -> None:
    rng = np.random.default_rng(0)
    has = rng.random((1000, 5)) < [0.3, 0.2, 0.1, 0.05, 0.1]
    has[~has.any(axis=1), 0] = True
    frame = pd.DataFrame({"cover_id": [f"{i:064x}" for i in range(1000)], "group": range(1000)})
    frame = with_sets(frame, pd.Series([[f"g{code}" for code in np.flatnonzero(own)] for own in has]))
    number = folds(frame, 5, 1, 0)["repeat_0"].to_numpy()
    counts = np.array([has[number == fold].sum(axis=0) for fold in range(5)])
    assert np.abs(counts - has.sum(axis=0) / 5).max() <= 2.5
    for one, two in combinations(range(5), 2):
        both = has[:, one] & has[:, two]
        shares = np.array([both[number == fold].sum() for fold in range(5)])
        assert np.abs(shares - both.sum() / 5).max() <= 4


@pytest.mark.parametrize(
    ("names", "odd"),
    [
        (["Rock", "Country; Live", "Country"], "Country; Live"),
        (["Rock|Pop", "Pop|Jazz"], "Pop|Jazz"),
        (["Folk; World", "Rock", "Jazz"], None),  # no part of it stands elsewhere
        (["Folk, World, & Country", "Folk"], None),
    ],
)
def test_names_that_seem_to_be_several_genres(names: list[str], odd: str | None) -> None:
    assert seems_several(names) == odd


def test_files_are_covers_and_copies_of_covers_and_rejected_ones(tmp_path: Path) -> None:
    one, other = pictures.encode(pictures.noise(1)), pictures.encode(pictures.noise(2))
    named = {"a.jpg": one, "b.jpg": one, "c.jpg": one, "d.jpg": other, "e.jpg": b""}
    for name, content in named.items():
        (tmp_path / name).write_bytes(content)
    genres = ["Rock|Pop", "Rock|Pop", "Jazz", "Rock|Pop|Jazz", "Rock"]
    pd.DataFrame({"path": list(named), "genre": genres}).to_csv(tmp_path / "m.csv", index=False)
    collection = read_collection(tmp_path / "m.csv", labels="many")
    counts = collection.counts
    assert (len(collection), counts["merged"], counts["rejected"], counts["copies"]) == (2, 2, 1, 0)
    assert counts["files"] == 5
