"""Precision@k on planted genres: what is there is found, copies do not help, chance is chance."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.genre_sets import with_sets
from coverfusion.experiments.retrieval import precision
from coverfusion.experiments.retrieval.precision import (
    ALL_BLOCKS,
    RANDOM_COVERS,
    precision_at_k,
    read_sample,
    retrieval_chart,
    write_retrieval,
)
from coverfusion.experiments.retrieval.source import IndexSource
from tests.helpers.many import save_many, train_many

GENRES = np.array(["dub", "opera", "dub"])  # two thirds dub
COLUMNS = ["color.a", "color.b", "color.c", "texture.a", "texture.b"]
COUNT = 300


def _covers(copies: int = 1) -> pd.DataFrame:
    """COUNT covers; groups of `copies` that share their genre."""
    groups = np.arange(COUNT) // copies
    ids = [f"c{n}" for n in range(COUNT)]
    return pd.DataFrame({"cover_id": ids, "genre": np.resize(GENRES, COUNT)[groups], "group": groups})


def _rows(covers: pd.DataFrame) -> np.ndarray:
    """Block color tells the genre, block texture is noise."""
    X = np.random.default_rng(0).normal(size=(COUNT, 5)).astype(np.float32)
    X[:, :3] += 9 * (covers["genre"] == "dub").to_numpy()[:, None]
    return X


def _value(table: pd.DataFrame, blocks: str, k: int, column: str = "precision") -> float:
    return table[(table["blocks"] == blocks) & (table["k"] == k)][column].item()


def test_the_block_that_tells_the_genre_wins_and_noise_is_chance() -> None:
    covers = _covers()
    table = precision_at_k(_rows(covers), COLUMNS, covers)
    assert list(dict.fromkeys(table["blocks"])) == [ALL_BLOCKS, "color", "texture", RANDOM_COVERS]
    chance = (2 / 3) ** 2 + (1 / 3) ** 2
    for k in (1, 5, 10):
        assert _value(table, "color", k) > 0.99
        assert _value(table, RANDOM_COVERS, k) == pytest.approx(chance, abs=0.005)
        assert _value(table, "texture", k) == pytest.approx(chance, abs=0.1)
        assert _value(table, "texture", k, "all_over_low") > 0.2
        assert _value(table, RANDOM_COVERS, k, "over_random") == 0
    assert (table["low"] <= table["precision"]).all()
    assert (table["precision"] <= table["high"]).all()
    assert (table["queries"] == COUNT).all()


def test_copies_of_the_query_are_never_its_neighbours() -> None:
    covers = _covers(copies=5)
    noise = np.random.default_rng(1).normal(size=(COUNT // 5, 5))
    X = np.repeat(noise, 5, axis=0).astype(np.float32)  # the five of a group are the same picture
    table = precision_at_k(X, COLUMNS, covers)
    chance = (2 / 3) ** 2 + (1 / 3) ** 2
    assert _value(table, ALL_BLOCKS, 1) == pytest.approx(chance, abs=0.17)
    # whole groups are drawn: the interval is that of 60 covers, not of 300
    assert _value(table, ALL_BLOCKS, 1, "high") - _value(table, ALL_BLOCKS, 1, "low") > 0.15


def test_of_several_genres_a_neighbour_counts_that_shares_one() -> None:
    covers = _covers()
    # the colour of opera: dub besides, for half of them, so that they share a genre with all the rest
    names = covers["genre"].where(covers.index % 6 != 1, "dub|opera")
    covers = with_sets(covers, names.str.split("|"))
    table = precision_at_k(_rows(covers), COLUMNS, covers)
    # 4 of 6 dub, 1 opera, 1 both: a cover of dub shares with 5 of 6, one of opera with 2, one of both with 6
    assert _value(table, RANDOM_COVERS, 1) == pytest.approx((4 * 5 + 2 + 6) / 36, abs=0.005)
    # opera alone finds itself and both, and so does both: all share
    assert _value(table, "color", 5) > 0.99


def test_a_sample_is_of_whole_groups_and_of_covers_with_features(monkeypatch: pytest.MonkeyPatch) -> None:
    covers = _covers(copies=4)
    X = _rows(covers)
    X[[0, 50]] = np.nan
    columns = {"color": list("abc"), "texture": list("ab")}
    source = IndexSource(covers, columns, {}, lambda: iter([X[:100], X[100:]]))
    rows, kept = read_sample(source, 0)
    assert len(kept) == COUNT - 2
    assert not {"c0", "c50"} & set(kept["cover_id"])
    monkeypatch.setattr(precision, "MAX_EVALUATED_COVERS", 102)
    rows, kept = read_sample(source, 0)
    assert 96 <= len(kept) <= 100
    assert (kept["group"].value_counts().drop([0, 12], errors="ignore") == 4).all()
    np.testing.assert_array_equal(rows, X[[int(name[1:]) for name in kept["cover_id"]]])


def test_the_chart_is_in_percent_and_said_in_words() -> None:
    covers = _covers()
    chart = retrieval_chart(precision_at_k(_rows(covers), COLUMNS, covers))
    assert "k = 5, color: 100.0" in chart.words
    assert chart.axis.high <= 100


def test_of_several_genres_the_table_says_what_counts(tmp_path: Path) -> None:
    run = train_many(save_many(tmp_path / "covers", 60), blocks=["color"])
    _, of = write_retrieval(run, tmp_path)
    assert of == "a genre in common"  # "the genre" would be the whole set
