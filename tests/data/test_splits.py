from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coverfusion.data.errors import UserError
from coverfusion.data.splits import IN_NO_FOLD, folds, load_splits, save_splits, split, take_splits


def _frame(genre: list[str], group: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {"cover_id": [f"{i:064x}" for i in range(len(genre))], "genre": genre, "group": group}
    )


@st.composite
def collections(draw):
    """20 to 300 covers of 2 to 5 genres in groups of any size, groups may span genres."""
    n = draw(st.integers(20, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    genre = rng.integers(0, draw(st.integers(2, 5)), n)
    group = rng.integers(0, draw(st.integers(n // 4, 2 * n)), n)
    return _frame([f"genre {g}" for g in genre], group.tolist())


@given(collections(), st.integers(0, 1000))
def test_groups_stay_together_and_each_cover_is_there_once(frame, seed):
    parts = split(frame, seed)
    assert parts.index.tolist() == frame["cover_id"].tolist()
    assert set(parts) <= {"train", "validation", "test"}
    assert parts.groupby(frame["group"].to_numpy()).nunique().max() == 1


def _stay(before: pd.Series, after: pd.Series) -> float:
    """The proportion of covers of both that are where they were."""
    both = before.index.intersection(after.index)
    return float((before[both] == after[both]).mean())


@given(collections(), st.integers(0, 1000))
def test_neither_the_order_of_rows_nor_the_numbers_of_groups_move_a_cover(frame, seed):
    others = frame.sample(frac=1, random_state=seed).assign(path="other names")
    others["group"] = others["group"].map(lambda number: f"group {-number}")
    assert split(others, seed).to_dict() == split(frame, seed).to_dict()
    if frame["genre"].nunique() > 1 and frame.groupby("genre")["group"].nunique().min() >= 3:
        assert folds(others, 3, 2, seed).loc[frame["cover_id"]].equals(folds(frame, 3, 2, seed))


@pytest.mark.parametrize("largest", [1, 4])
def test_a_cover_that_comes_or_goes_moves_few_others(largest):
    rng = np.random.default_rng(largest)
    group = np.repeat(np.arange(400), rng.integers(1, largest + 1, 400))[:400]
    every = _frame([f"genre {number % 3}" for number in group], group.tolist())
    every["cover_id"] = [hashlib.sha256(cover.encode()).hexdigest() for cover in every["cover_id"]]
    stayed = []
    for seed in range(12):
        parts, numbers = split(every, seed), folds(every, 5, 1, seed)["repeat_0"]
        gone = rng.choice(every["group"].unique(), 20 * every["group"].nunique() // 400, replace=False)
        kept = every.drop(index=int(rng.choice(400))), every[~every["group"].isin(gone)]
        stayed.append(
            [_stay(parts, split(some, seed)) for some in kept]
            + [_stay(numbers, folds(some, 5, 1, seed)["repeat_0"]) for some in kept]
        )
    one_less, some_more, one_less_folds, some_more_folds = np.transpose(stayed)
    assert min(*one_less, *one_less_folds) >= 0.95
    # folds have more cuts; single draws may lie a little below
    assert min(some_more.mean(), some_more_folds.mean()) >= 0.95
    assert min(*some_more, *some_more_folds) >= 0.92


def test_rounding_favours_no_part_of_many_small_genres():
    # 60 genres of 7 covers: a fold has 1.4 covers of each, and 84 in all; equal rounding gives 60 or 120
    frame = _frame([f"genre {n // 7}" for n in range(420)], list(range(420)))
    sizes = folds(frame, 5, 1, 0)["repeat_0"].value_counts()
    assert sizes.between(70, 98).all()
    parts = split(frame, 0).value_counts()
    assert parts["validation"] == pytest.approx(42, abs=15)
    assert parts["test"] == pytest.approx(42, abs=15)


def test_large_groups_and_groups_of_several_genres_leave_folds_even():
    # as where covers that share a rare word are one group: a few of them are as large as a fold
    rng = np.random.default_rng(0)
    sizes = [70, 60, 50, 40, *rng.choice([1, 2, 3, 4, 8], 900, p=[0.8, 0.1, 0.05, 0.03, 0.02])]
    group = np.repeat(np.arange(len(sizes)), sizes)
    genre = np.where(rng.random(len(group)) < 0.9, rng.integers(0, 4, len(sizes))[group], rng.integers(0, 4))
    frame = _frame([f"genre {number}" for number in genre], group.tolist())
    for seed in range(5):
        counts = pd.crosstab(genre, folds(frame, 5, 1, seed)["repeat_0"].to_numpy())
        wanted = counts.sum(axis=1) / 5
        assert (counts.sub(wanted, axis=0).abs().max(axis=1) < 0.1 * wanted).all()
        shares = pd.crosstab(genre, split(frame, seed).to_numpy(), normalize="index")
        assert (shares["train"] - 0.8).abs().max() < 0.05


@given(collections(), st.integers(0, 1000))
def test_every_genre_is_trained_on(frame, seed):
    parts = split(frame, seed)
    trained = set(frame["genre"].to_numpy()[(parts == "train").to_numpy()])
    assert trained == set(frame["genre"])


@given(st.lists(st.integers(30, 80), min_size=2, max_size=5), st.integers(0, 1000))
def test_sizes_are_eight_to_one_to_one_in_every_genre(sizes, seed):
    genre = [f"genre {g}" for g, size in enumerate(sizes) for _ in range(size)]
    frame = _frame(genre, list(range(len(genre))))
    counts = pd.crosstab(frame["genre"].to_numpy(), split(frame, seed).to_numpy())
    for part, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert ((counts[part] - share * counts.sum(axis=1)).abs() <= 1).all()


def test_sizes_stay_near_with_groups_of_up_to_four():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(1000), rng.choice([1, 2, 3, 4], 1000, p=[0.7, 0.2, 0.07, 0.03]))
    genre = rng.choice(["Pop", "Rock", "Jazz"], 1000, p=[0.6, 0.3, 0.1])[group]
    frame = _frame(genre.tolist(), group.tolist())
    counts = pd.crosstab(frame["genre"].to_numpy(), split(frame, 3).to_numpy(), normalize="index")
    assert (counts[["test", "validation", "train"]] - [0.1, 0.1, 0.8]).abs().to_numpy().max() < 0.02


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    frame = _frame(["Pop", "Rock"] * 50, list(range(100)))
    assert split(frame, 1).equals(split(frame, 1))
    assert not split(frame, 1).equals(split(frame, 2))
    assert folds(frame, 5, 1, 1).equals(folds(frame, 5, 1, 1))
    assert not folds(frame, 5, 1, 1).equals(folds(frame, 5, 1, 2))


def test_a_genre_with_one_cover_goes_to_train_and_folds_name_it():
    frame = _frame(["Pop"] * 20 + ["Polka"], list(range(21)))
    assert split(frame, 0).iloc[-1] == "train"
    with pytest.raises(UserError, match=r"Polka \(1\)"):
        folds(frame, 5, 1, 0)


def test_a_genre_of_too_few_groups_is_in_no_fold_and_takes_its_groups_along(tmp_path):
    # Polka has two groups, and shares the second with a cover of Rock
    genres = ["Pop"] * 10 + ["Rock"] * 10 + ["Polka"] * 3
    groups = [*range(10), *range(20, 30), 40, 29, 29]
    frame = _frame(genres, groups)
    numbers = folds(frame, 5, 2, 0)
    assert numbers.index.tolist() == frame["cover_id"].tolist()
    for column in numbers:
        in_no_fold = (numbers[column] == IN_NO_FOLD).to_numpy()
        assert in_no_fold.tolist() == [False] * 19 + [True] * 4
        assert set(numbers[column]) == {IN_NO_FOLD, *range(5)}
    save_splits(numbers, tmp_path / "folds.parquet")
    assert load_splits(tmp_path / "folds.parquet", frame).equals(numbers)
    # who knows the predictions alone knows no others
    assert load_splits(tmp_path / "folds.parquet", frame[:19]).equals(numbers[:19])
    with pytest.raises(UserError, match="1 of its covers is not here"):
        load_splits(tmp_path / "folds.parquet", frame[:18])


def test_one_genre_that_can_be_tested_is_no_cross_validation():
    frame = _frame(["Pop"] * 20 + ["Polka"] * 2 + ["Rock"] * 4, list(range(26)))
    with pytest.raises(UserError, match=r"of two genres at least; too few in: Polka \(2\), Rock \(4\)"):
        folds(frame, 5, 1, 0)


@settings(max_examples=15)
@given(st.integers(2, 6), st.integers(1, 3), st.integers(0, 1000))
def test_folds_keep_groups_and_genres_even(k, repeats, seed):
    group = np.repeat(np.arange(120), 2)
    frame = _frame((["Pop"] * 160 + ["Rock"] * 80), group.tolist())
    numbers = folds(frame, k, repeats, seed)
    assert numbers.shape == (240, repeats)
    assert numbers.index.tolist() == frame["cover_id"].tolist()
    for column in numbers:
        assert set(numbers[column]) == set(range(k))
        assert numbers[column].groupby(group).nunique().max() == 1
        shares = pd.crosstab(numbers[column].to_numpy(), frame["genre"].to_numpy(), normalize="columns")
        assert (shares - 1 / k).abs().to_numpy().max() < 0.06


def test_repeats_and_neighbouring_seeds_have_nothing_in_common():
    frame = _frame(["Pop", "Rock"] * 250, list(range(500)))
    drawn = {
        (seed, repeat): numbers
        for seed in range(3)
        for repeat, numbers in enumerate(folds(frame, 5, 3, seed).to_numpy().T)
    }
    for first, second in itertools.combinations(drawn, 2):
        assert (drawn[first] == drawn[second]).mean() < 0.3  # 0.2 by chance


def test_one_fold_is_no_cross_validation():
    with pytest.raises(UserError, match="2 or more"):
        folds(_frame(["Pop", "Rock"], [0, 1]), 1, 1, 0)


def test_saved_splits_are_loaded_in_the_order_of_the_frame(tmp_path):
    frame = _frame(["Pop", "Rock"] * 30, list(range(60)))
    parts = split(frame, 0)
    save_splits(parts.to_frame(), tmp_path / "splits.parquet")
    turned = frame.iloc[::-1]
    loaded = load_splits(tmp_path / "splits.parquet", turned)
    assert loaded["split"].to_dict() == parts.to_dict()
    assert loaded.index.tolist() == turned["cover_id"].tolist()


def test_splits_of_other_covers_are_refused(tmp_path):
    frame = _frame(["Pop", "Rock"] * 30, list(range(60)))
    save_splits(split(frame, 0).to_frame(), tmp_path / "splits.parquet")
    with pytest.raises(UserError, match="another collection"):
        load_splits(tmp_path / "splits.parquet", frame.iloc[1:])
    with pytest.raises(UserError, match="separates"):
        load_splits(tmp_path / "splits.parquet", frame.assign(group=0))
    with pytest.raises(UserError, match="no saved splits"):
        load_splits(tmp_path / "nothing.parquet", frame)
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(UserError, match="holds no splits"):
        load_splits(tmp_path / "text.parquet", frame)


def test_saved_splits_serve_covers_that_have_changed(tmp_path):
    frame = _frame(["Pop", "Rock"] * 30, [*range(58), 100, 100])
    parts = split(frame, 0)
    file = tmp_path / "splits.parquet"
    save_splits(parts.to_frame(), file)
    taken, changes = take_splits(file, frame[::-1])
    assert taken["split"].to_dict() == parts.to_dict()
    assert not changes
    held = int(np.flatnonzero(parts == "test")[-1])
    new = pd.DataFrame(
        {"cover_id": ["f" * 64, "e" * 64], "genre": "Pop", "group": [500, frame["group"][held]]}
    )
    taken, changes = take_splits(file, pd.concat([frame.iloc[3:], new]))
    assert taken["split"].iloc[:-2].to_dict() == parts.iloc[3:].to_dict()
    assert taken["split"].tolist()[-2:] == ["train", "test"]  # a copy of a test cover is not learnt from
    assert changes == [
        f"1 cover is not in {file}: used for training.",
        f"1 cover is not in {file}: used with near duplicates or an artist there.",
        f"3 covers are only in {file}.",
    ]
    with pytest.raises(UserError, match="separates"):
        take_splits(file, frame.assign(group=0))
    with pytest.raises(UserError, match="none of these covers"):
        take_splits(file, new)


def test_saved_folds_serve_covers_that_have_changed(tmp_path):
    frame = _frame(["Pop", "Rock"] * 30, list(range(60)))
    numbers, file = folds(frame, 3, 2, 0), tmp_path / "splits.parquet"
    save_splits(numbers, file)
    twice = pd.concat([frame, frame.iloc[:1].assign(cover_id="f" * 64, group=99)])
    twice["cover_id"] += ":" + twice["genre"]  # as covers that are kept under several genres
    taken, changes = take_splits(file, twice)
    assert taken.iloc[:60].to_numpy().tolist() == numbers.to_numpy().tolist()
    assert taken.iloc[60].tolist() == [IN_NO_FOLD, IN_NO_FOLD]
    assert changes == [f"1 cover is not in {file}: used for training in every fold."]


def test_a_file_that_is_no_saved_split_is_refused(tmp_path):
    frame = _frame(["Pop", "Rock"], [0, 1])
    for wrong in (frame[["cover_id", "genre"]], frame.assign(split="tset")[["cover_id", "split"]]):
        wrong.to_parquet(tmp_path / "wrong.parquet")
        with pytest.raises(UserError, match="holds no splits"):
            take_splits(tmp_path / "wrong.parquet", frame)


def test_a_cover_under_two_genres_is_split_once():
    frame = _frame(["Pop", "Rock"] * 20, list(range(40)))
    twice = pd.concat([frame, frame.iloc[:1].assign(genre="Rock")], ignore_index=True)
    assert len(split(twice, 0)) == 40
    assert len(folds(twice, 4, 1, 0)) == 40
