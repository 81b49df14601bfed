"""Clusters and their scores: planted ones are found, chance looks like chance, small cases by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from coverfusion.experiments.map.clusters import (
    JACKKNIFE_HALVES,
    NO_CLUSTER,
    cluster_scores,
    halves,
    hdbscan,
    k_means,
    silhouettes,
    silhouettes_of_halves,
)
from coverfusion.experiments.map.projections import make_sample

GENRES = np.array(["dub", "opera", "techno"])


def _blobs(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 3, n)
    return (rng.normal(size=(n, 12)) + 20 * np.eye(3, 12)[which]).astype(np.float32), GENRES[which]


def _value(scores: pd.DataFrame, of: str, score: str, genre: str = "all") -> pd.Series:
    found = scores[(scores["of"] == of) & (scores["score"] == score) & (scores["genre"] == genre)]
    return found.iloc[0]


def test_silhouettes_of_halves_are_those_of_their_own_covers() -> None:
    rng = np.random.default_rng(0)
    Z, labels = rng.normal(size=(40, 5)).astype(np.float32), np.array(list("aabbb") * 8)
    drawn = np.stack([np.ones(40, bool), np.arange(40) < 20, np.array([True] + [False] * 19 + [True] * 20)])
    each, overall = silhouettes_of_halves(Z, labels, drawn)
    for half, row, mean in zip(drawn, each, overall, strict=True):
        known = silhouette_samples(Z[half], labels[half])
        assert mean == pytest.approx(known.mean(), abs=1e-5)
        assert row == pytest.approx([known[labels[half] == name].mean() for name in "ab"], abs=1e-5)


def test_the_interval_of_a_genre_s_silhouette_holds_it() -> None:
    rng, values, held = np.random.default_rng(1), [], []
    genres = np.array(list("abcd") * 15)
    for seed in range(40):
        Z = rng.normal(size=(60, 8)).astype(np.float32)
        Z[genres == "a", 0] += 1
        scores = cluster_scores(Z, genres, np.arange(60), {}, seed)
        row = scores[(scores["score"] == "silhouette") & (scores["genre"] == "a")].iloc[0]
        values.append(row["value"])
        held.append((row["low"], row["high"]))
    truth = np.mean(values)
    assert np.mean([low <= truth <= high for low, high in held]) >= 0.9  # of fixed silhouettes 0.5 to 0.8


def test_planted_clusters_are_found_from_half_of_the_covers() -> None:
    Z, genres = _blobs()
    sample = make_sample(Z, np.arange(0, 300, 2))
    for labels in (k_means(Z, sample, 3, seed=0), hdbscan(Z, sample)):
        inside = labels != NO_CLUSTER
        assert inside.mean() > 0.8
        assert adjusted_rand_score(genres[inside], labels[inside]) == 1.0
        counts = np.bincount(labels[inside])
        assert (np.diff(counts) <= 0).all()  # the largest first


def test_planted_clusters_score_one() -> None:
    Z, genres = _blobs()
    labels = {"k_means": k_means(Z, make_sample(Z, np.arange(300)), 3, seed=0)}
    scores = cluster_scores(Z, genres, np.arange(300), labels, seed=0)
    for score in ("rand", "information"):
        row = _value(scores, "k_means", score)
        assert (row["value"], row["low"], row["high"]) == pytest.approx((1, 1, 1))
    assert _value(scores, "k_means", "clusters")["value"] == 3
    for genre in (*GENRES, "all"):
        row = _value(scores, "genres", "silhouette", genre)
        assert row["low"] <= row["value"] <= row["high"]
        assert row["value"] > 0.7


@pytest.mark.parametrize("seed", range(2))
def test_shuffled_genres_agree_no_more_than_by_chance(seed: int) -> None:
    Z, genres = _blobs(seed=seed)
    labels = {"k_means": k_means(Z, make_sample(Z, np.arange(300)), 3, seed=0)}
    shuffled = np.random.default_rng(seed).permutation(genres)
    scores = cluster_scores(Z, shuffled, np.arange(300), labels, seed=0)
    for score in ("rand", "information"):
        row = _value(scores, "k_means", score)
        assert row["low"] <= 0 <= row["high"]
    assert _value(scores, "genres", "silhouette")["value"] < 0.02


def test_agreement_of_four_covers_by_hand() -> None:
    # pairs together in both: 1 (the first two); by chance 2 * 1 / 6; at most (2 + 1) / 2
    Z = np.array([[0.0], [1.0], [4.0], [5.0]], np.float32)
    labels = {"found": np.array([0, 0, 1, NO_CLUSTER])}
    scores = cluster_scores(Z, np.array(["a", "a", "b", "b"]), np.arange(4), labels, seed=0)
    assert _value(scores, "found", "rand")["value"] == pytest.approx((1 - 1 / 3) / (3 / 2 - 1 / 3))
    assert _value(scores, "found", "unclustered")["value"] == 0.25
    assert _value(scores, "found", "clusters")["value"] == 2


def test_silhouettes_of_four_covers_by_hand() -> None:
    Z = np.array([[0.0], [1.0], [4.0], [5.0]])
    expected = [1 - 1 / 4.5, 1 - 1 / 3.5, 1 - 1 / 3.5, 1 - 1 / 4.5]
    np.testing.assert_allclose(silhouettes(Z, np.array([0, 0, 1, 1])), expected)


def test_one_cluster_has_no_silhouette() -> None:
    Z, genres = _blobs(60)
    scores = cluster_scores(Z, genres, np.arange(60), {"found": np.zeros(60, int)}, seed=0)
    assert not ((scores["of"] == "found") & (scores["score"] == "silhouette")).any()


def test_a_genre_for_every_cover_has_no_silhouette() -> None:
    assert np.isnan(silhouettes(np.eye(3), np.arange(3))).all()


def test_a_single_cover_of_its_genre_has_no_silhouette() -> None:
    Z, genres = _blobs(60)
    genres = np.where(np.arange(60) == 0, "lonely", genres.astype(str))
    scores = cluster_scores(Z, genres, np.arange(60), {}, seed=0)
    assert _value(scores, "genres", "silhouette", "lonely")[["value", "low", "high"]].isna().all()
    others = scores[scores["genre"] != "lonely"]
    assert others["value"].notna().all()


def test_halves_keep_groups_whole() -> None:
    groups = np.repeat(np.arange(20), 3)
    drawn = halves(groups, seed=0)
    assert drawn.shape == (JACKKNIFE_HALVES, 60)
    by_group = drawn.reshape(JACKKNIFE_HALVES, 20, 3)
    assert (by_group.all(axis=2) == by_group.any(axis=2)).all()
    assert (drawn.sum(axis=1) == 30).all()


def test_the_spread_over_halves_is_the_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=400)
    drawn = halves(np.arange(400), seed=1)
    means = (drawn @ values) / drawn.sum(axis=1)
    assert means.std() == pytest.approx(values.std() / np.sqrt(400), rel=0.2)


def test_without_dense_regions_nothing_is_a_cluster() -> None:
    Z = np.random.default_rng(0).uniform(size=(200, 12)).astype(np.float32)
    labels = hdbscan(Z, make_sample(Z, np.arange(200)))
    assert (labels == NO_CLUSTER).mean() > 0.9
