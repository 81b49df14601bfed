"""Training sets of a learning curve: nested, stratified, groups whole."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coverfusion.data.errors import UserError
from coverfusion.experiments.curve.subsamples import check_sizes, draw_order, nested_subsamples


def _covers(genres: list[str], groups: list[int] | None = None) -> pd.DataFrame:
    ids = [f"cover-{n:03d}" for n in range(len(genres))]
    return pd.DataFrame({"cover_id": ids, "genre": genres, "group": groups or list(range(len(genres)))})


def test_every_beginning_has_the_shares_of_the_whole() -> None:
    covers = _covers(["Pop"] * 60 + ["Jazz"] * 30 + ["Dub"] * 10)
    found = nested_subsamples(covers, [10, 20, 50], seed=3)
    genre = covers.set_index("cover_id")["genre"]
    for size in (10, 20, 50):
        counts = genre[found[size]].value_counts()
        assert len(found[size]) == size
        assert counts["Pop"] == pytest.approx(0.6 * size, abs=1)
        assert counts["Jazz"] == pytest.approx(0.3 * size, abs=1)
        assert counts["Dub"] == pytest.approx(0.1 * size, abs=1)


@given(
    drawn=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), min_size=3, max_size=60),
    seed=st.integers(0, 99),
)
def test_sets_are_nested_keep_groups_whole_and_lack_no_genre(drawn: list[tuple[str, int]], seed: int) -> None:
    covers = _covers([genre for genre, _ in drawn], [group for _, group in drawn])
    commonest = covers.groupby("group")["genre"].agg(lambda genres: genres.mode()[0])
    sizes = [len(covers) // 4, len(covers) // 2, len(covers)]
    found = nested_subsamples(covers, sizes, seed)
    before: set[str] = set()
    for size in sorted(found):
        ids = found[size]
        taken = covers["cover_id"].isin(ids)
        assert len(ids) == len(set(ids)) <= size
        assert before <= set(ids)
        assert set(covers.loc[taken, "group"]).isdisjoint(covers.loc[~taken, "group"])
        before = set(ids)
    assert found[len(covers)] == covers["cover_id"].tolist()
    firsts = [
        commonest[covers.set_index("cover_id").loc[ids[0], "group"]] for ids in draw_order(covers, seed)
    ]
    kinds = commonest.nunique()
    assert len(set(firsts[:kinds])) == kinds


def test_another_seed_draws_others_the_same_seed_the_same() -> None:
    covers = _covers(["a", "b"] * 50)
    once, again, other = (nested_subsamples(covers, [20], seed)[20] for seed in (1, 1, 2))
    assert once == again
    assert once != other


def test_steps_halve_down_to_ten_covers_a_genre() -> None:
    assert check_sizes([], 2880, genres=5) == [90, 180, 360, 720, 1440, 2880]
    # too few covers for five halvings: five even steps on the logarithmic axis
    steps = check_sizes([], 960, genres=6)
    assert steps == [60, 120, 240, 480, 960]
    steps = check_sizes([], 300, genres=3)
    assert steps[0] == 30
    assert steps[-1] == 300
    assert len(steps) == 5
    assert np.ptp(np.diff(np.log(steps))) < 0.05


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([100, 5000], "--sizes 5000: a training fold has only 2880 covers"),
        ([20, 1000], "--sizes 20: too few for 5 genres; take 50 or more"),
        ([500], "--sizes 500: one size is no curve"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes: list[int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_sizes(sizes, 2880, genres=5)


def test_too_few_covers_for_any_curve() -> None:
    with pytest.raises(UserError, match="starts with 30 training covers"):
        check_sizes([], 24, genres=3)
    # more folds would learn from less than twice the smallest size, which is no curve: none are advised
    with pytest.raises(UserError, match=r"Add covers: a forecast takes 120 training covers or more\.$"):
        check_sizes([], 29, genres=3)


def test_names_of_groups_and_the_order_of_rows_draw_no_others() -> None:
    covers = _covers(["a", "b", "c"] * 40, [number // 2 for number in range(120)])
    turned = covers.iloc[::-1].assign(group=lambda frame: frame["group"].map("group {}".format))
    for size, ids in nested_subsamples(covers, [20, 60], 3).items():
        assert set(nested_subsamples(turned, [20, 60], 3)[size]) == set(ids)


def test_a_cover_that_comes_or_goes_draws_few_others() -> None:
    covers = _covers(["a", "b", "c", "d"] * 100)
    for gone in (covers.index[[17]], covers.index[5::20]):  # 1 of 400, or 380 that become 400
        fewer = covers.drop(index=gone)
        for seed in range(5):
            before, after = (set(nested_subsamples(some, [200], seed)[200]) for some in (covers, fewer))
            stayed = [(cover in before) == (cover in after) for cover in fewer["cover_id"]]
            assert sum(stayed) >= 0.95 * len(fewer)
