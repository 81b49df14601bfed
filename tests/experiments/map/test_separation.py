"""Linear probes of two genres: planted signal, none, and the numbers against a plain loop."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from coverfusion.data.splits import folds
from coverfusion.experiments.map import separation
from coverfusion.experiments.map.separation import (
    PROBE_COMPONENTS,
    PROBE_FOLDS,
    ordered_pairs,
    probed_rows,
    separate,
)
from coverfusion.fusion.blocks import BlockScaler, columns_by_block

COLUMNS = [f"cnn.embedding_{i:02d}" for i in range(16)] + [f"color.c{i}" for i in range(4)]


def _covers(genres: np.ndarray, groups: np.ndarray | None = None) -> pd.DataFrame:
    ids = [f"cover-{i}" for i in range(len(genres))]
    group = np.arange(len(genres)) if groups is None else groups
    return pd.DataFrame({"cover_id": ids, "genre": genres, "group": group})


def _planted(n: int = 240, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Dub stands apart in block color; opera and techno are alike."""
    rng = np.random.default_rng(seed)
    genres = rng.choice(["dub", "opera", "techno"], n)
    X = rng.normal(size=(n, 20)).astype(np.float32)
    X[:, 16] += 8 * (genres == "dub")
    X[rng.random(n) < 0.1, 17] = np.nan
    return X, genres


def test_what_is_planted_separates_and_the_rest_does_not() -> None:
    X, genres = _planted()
    pairs = separate(X, COLUMNS, _covers(genres), seed=0)
    assert pairs["auc"].is_monotonic_decreasing
    assert len(pairs) == 3
    found = pairs.set_index(["genre_a", "genre_b"])
    for pair in (("dub", "opera"), ("dub", "techno")):
        assert found.loc[pair, "auc"] > 0.99
        assert found.loc[pair, "separates"]
    alike = found.loc[("opera", "techno")]
    assert alike["low"] <= 0.5 <= alike["high"]
    assert not alike["separates"]
    assert alike["covers_a"] == (genres == "opera").sum()


def test_shuffled_genres_do_not_separate() -> None:
    X, genres = _planted()
    shuffled = [_covers(np.random.default_rng(seed).permutation(genres)) for seed in range(10)]
    pairs = pd.concat([separate(X, COLUMNS, covers, seed=0) for covers in shuffled])
    # of 30 intervals at 95 %, three may miss: those of one shuffle hang together
    assert ((pairs["low"] <= 0.5) & (pairs["high"] >= 0.5)).mean() >= 0.9
    assert pairs["separates"].sum() <= 1


def test_copies_in_a_group_do_not_help_a_probe() -> None:
    # the genre of a group is random: only a probe that saw a copy in training could know it
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 4)
    genres = rng.permutation(np.repeat(["dub", "opera"], 30))[groups]
    X = rng.normal(size=(60, 20))[groups].astype(np.float32)
    together = separate(X, COLUMNS, _covers(genres, groups), seed=0).iloc[0]
    apart = separate(X, COLUMNS, _covers(genres), seed=0).iloc[0]
    assert together["low"] <= 0.5 <= together["high"]
    assert apart["auc"] > together["auc"] + 0.15
    # with 60 groups instead of 240 covers, the interval knows less
    assert together["high"] - together["low"] > 1.5 * (apart["high"] - apart["low"])


def test_auc_is_what_a_plain_loop_gives() -> None:
    X, genres = _planted(150)
    X[:, 16] *= 0.2
    covers = _covers(genres)
    number = folds(covers, PROBE_FOLDS, 1, 3)["repeat_0"].to_numpy()
    won, total = 0.0, 0.0
    for fold in range(PROBE_FOLDS):
        train, test = number != fold, number == fold
        scaler = BlockScaler(PROBE_COMPONENTS).fit(X[train], columns_by_block(COLUMNS))
        pair = np.isin(genres, ["dub", "techno"])
        model = LogisticRegression(max_iter=500, class_weight="balanced")
        model.fit(scaler.transform(X[train & pair]), genres[train & pair])
        y = genres[test & pair] == "techno"
        scores = model.decision_function(scaler.transform(X[test & pair]))
        won += roc_auc_score(y, scores) * y.sum() * (~y).sum()
        total += y.sum() * (~y).sum()
    found = separate(X, COLUMNS, covers, seed=3).set_index(["genre_a", "genre_b"])
    assert found.loc[("dub", "techno"), "auc"] == pytest.approx(won / total, abs=1e-4)


def test_weighted_pairs_are_the_weighted_auc() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, 12) + 1.0, rng.integers(0, 6, 9) + 0.0  # with ties
    weights = rng.integers(0, 4, (5, 21)).astype(float)
    won, total = ordered_pairs(first, second, weights[:, :12], weights[:, 12:])
    y = np.repeat([1, 0], [12, 9])
    for row in range(5):
        expected = roc_auc_score(y, np.concatenate([first, second]), sample_weight=weights[row])
        assert won[row] / total[row] == pytest.approx(expected)


def test_genres_of_few_groups_are_not_probed() -> None:
    genres = np.repeat(["dub", "opera", "rare"], [30, 30, 8])
    groups = np.concatenate([np.arange(60), [100, 100, 101, 101, 102, 102, 103, 103]])
    rows = probed_rows(_covers(genres, groups), seed=0)
    assert set(genres[rows]) == {"dub", "opera"}
    assert len(rows) == 60


def test_large_genres_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "MAX_PROBED_COVERS", 10)
    genres = np.repeat(["dub", "opera"], [30, 8])
    rows = probed_rows(_covers(genres), seed=0)
    assert pd.Series(genres[rows]).value_counts().to_dict() == {"dub": 10, "opera": 8}
    assert (np.diff(rows) > 0).all()


def test_one_genre_has_no_pairs() -> None:
    X, _ = _planted(20)
    pairs = separate(X, COLUMNS, _covers(np.full(20, "dub")), seed=0)
    assert len(pairs) == 0
    assert "separates" in pairs
