"""Effect sizes on values few enough to count pairs by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from coverfusion.experiments.genres.effects import (
    distinct,
    effects,
    mann_whitney,
    rank_correlation,
    readable,
    size_of,
)
from coverfusion.features.table import FeatureTable


def _covers(genres: str, groups: list[int] | None = None) -> pd.DataFrame:
    """One cover for each letter, its genre that letter."""
    ids = [f"c{number}" for number in range(len(genres))]
    return pd.DataFrame({"cover_id": ids, "genre": list(genres), "group": groups or range(len(genres))})


def _values(covers: pd.DataFrame, **columns: list[float]) -> pd.DataFrame:
    frame = pd.DataFrame(columns, index=pd.Index(covers["cover_id"]))
    return frame.add_prefix("color.")


def _of(found: pd.DataFrame, genre: str, column: str) -> pd.Series:
    return found[(found["genre"] == genre) & (found["column"] == column)].iloc[0]


def test_delta_counts_pairs() -> None:
    covers = _covers("aaabbb")
    found = effects(_values(covers, x=[3, 4, 5, 1, 2, 3]), covers)
    row = _of(found, "a", "color.x")
    # of 9 pairs a's is higher in 8 and equal in 1
    assert row["delta"] == pytest.approx(8 / 9)
    assert (row["higher"], row["equal"]) == pytest.approx((8 / 9, 1 / 9))
    assert (row["median"], row["median_others"], row["covers"], row["others"]) == (4, 2, 3, 3)
    assert row["size"] == "large"
    assert _of(found, "b", "color.x")["delta"] == pytest.approx(-8 / 9)


def test_of_a_group_one_cover_counts_on_each_side() -> None:
    covers = _covers("aaaabbb", [0, 1, 1, 1, 2, 3, 3])
    found = effects(_values(covers, x=[5, 1, 1, 1, 2, 3, 3]), covers)
    row = _of(found, "a", "color.x")
    assert (row["covers"], row["others"]) == (2, 2)
    assert row["delta"] == pytest.approx(0.0)  # 5 beats both, 1 loses to both


def test_missing_values_take_no_part_and_constant_columns_neither() -> None:
    covers = _covers("aabb")
    values = _values(covers, x=[1, np.nan, 0, 0], same=[7] * 4, never=[np.nan] * 4)
    found = effects(values, covers)
    assert set(found["column"]) == {"color.x"}
    assert _of(found, "a", "color.x")["covers"] == 1


def test_p_is_corrected_over_all_genres_and_columns() -> None:
    rng = np.random.default_rng(0)
    covers = _covers("a" * 30 + "b" * 30 + "c" * 30)
    columns = {name: rng.normal(size=90).tolist() for name in "uvwxyz"}
    columns["u"] = [value + 2 * (k < 30) for k, value in enumerate(columns["u"])]
    found = effects(_values(covers, **columns), covers)
    assert len(found) == 3 * 6
    assert (found["p_corrected"] >= found["p"]).all()
    least = found.loc[found["p"].idxmin()]
    assert least["column"] == "color.u"
    assert least["genre"] == "a"
    assert least["p_corrected"] == pytest.approx(18 * least["p"])  # Holm: the smallest of 18 tests
    assert found.groupby("genre").head(1)["delta"].abs().tolist() == [
        part["delta"].abs().max() for _, part in found.groupby("genre")
    ]


def test_a_wide_block_does_not_hide_a_narrow_one() -> None:
    rng = np.random.default_rng(0)
    covers = _covers("a" * 30 + "b" * 30)
    wide = {f"objects.{k}": rng.normal(size=60) for k in range(200)}
    values = pd.DataFrame(wide | {"color.x": np.r_[rng.normal(1.2, 1, 30), rng.normal(0, 1, 30)]})
    found = effects(values.set_index(pd.Index(covers["cover_id"])), covers)
    row = _of(found, "a", "color.x")
    assert row["p_corrected"] == pytest.approx(2 * 2 * row["p"])  # two genres, two blocks
    assert row["p_corrected"] < 0.01 < 402 * row["p"]


def test_nothing_is_found_where_genres_do_not_differ() -> None:
    rng = np.random.default_rng(0)
    covers, wrong = _covers("a" * 20 + "b" * 20), 0
    for _ in range(40):
        frame = pd.DataFrame(rng.normal(size=(40, 12)), index=pd.Index(covers["cover_id"]))
        frame.columns = [*(f"color.{k}" for k in range(2)), *(f"objects.{k}" for k in range(10))]
        wrong += bool((effects(frame, covers)["p_corrected"] < 0.05).any())
    assert wrong <= 5  # 2 expected at most


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=9), st.lists(st.integers(-5, 5), min_size=1, max_size=9)
)
def test_pairs_are_counted_whatever_the_scale(own: list[int], rest: list[int]) -> None:
    assume(len({*own, *rest}) > 1)
    a, b = np.array(own, float), np.array(rest, float)
    higher, equal, p = mann_whitney(a, b)
    assert higher == pytest.approx(np.mean([x > y for x in own for y in rest]))
    assert equal == pytest.approx(np.mean([x == y for x in own for y in rest]))
    assert mann_whitney(np.exp(a), np.exp(b)) == pytest.approx((higher, equal, p))
    assert mann_whitney(b, a) == pytest.approx((1 - higher - equal, equal, p))


def test_distinct_leaves_out_what_says_the_same_and_what_is_not_sure() -> None:
    rng = np.random.default_rng(1)
    covers = _covers("a" * 60 + "b" * 60)
    x = np.r_[rng.normal(1.5, 1, 60), rng.normal(0, 1, 60)]
    other = np.r_[rng.normal(1, 1, 60), rng.normal(0, 1, 60)]
    values = _values(
        covers,
        x=x.tolist(),
        again=(-3 * x + 0.01 * other).tolist(),
        other=other.tolist(),
        noise=rng.normal(size=120).tolist(),
    )
    found = effects(values, covers)
    shown = distinct(found[found["genre"] == "a"], rank_correlation(values), 5)
    assert len({"color.x", "color.again"} & set(shown["column"])) == 1
    assert "color.other" in set(shown["column"])
    assert "color.noise" not in set(shown["column"])
    assert len(distinct(found[found["genre"] == "a"], rank_correlation(values), 1)) == 1


def test_only_columns_that_mean_something_are_read() -> None:
    index = pd.Index(["c0"], name="cover_id")
    table = FeatureTable(
        {
            "cnn": pd.DataFrame([[1.0]], index=index, columns=["embedding_0000"]),
            "ocr": pd.DataFrame({"words": 1.0, "embedding_0001": 2.0, "ngram_0002": 3.0}, index=index),
            "color": pd.DataFrame([[1.0, 2.0]], index=index, columns=["hue_mean", "hue_cos"]),
        }
    )
    assert list(readable(table).columns) == ["ocr.words", "color.hue_cos"]


def test_sizes_have_their_names() -> None:
    assert [size_of(d) for d in (0.1, -0.2, 0.4, -0.9)] == ["negligible", "small", "medium", "large"]
