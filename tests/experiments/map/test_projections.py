"""Planes: PCA against scikit-learn, and covers outside the sample placed among those inside."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from coverfusion.experiments.map.projections import PLACING_NEIGHBOURS, make_sample, project


def _blobs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 5) float32 in three far blobs, and which."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 3, n)
    return (rng.normal(size=(n, 5)) + 30 * np.eye(3, 5)[which]).astype(np.float32), which


def test_pca_of_a_whole_sample_is_scikit_learns() -> None:
    Z, _ = _blobs(80)
    ours = project("pca", Z, make_sample(Z, np.arange(80)), seed=0)
    theirs = PCA(2).fit_transform(Z)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-3)


def test_pca_learns_from_the_sample_alone() -> None:
    Z, _ = _blobs(80)
    rows = np.arange(0, 80, 2)
    other = Z.copy()
    other[1::2] += np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
    first, second = (project("pca", X, make_sample(X, rows), seed=0) for X in (Z, other))
    np.testing.assert_array_equal(first[rows], second[rows])


def test_others_stand_at_the_median_of_their_nearest_sampled_covers() -> None:
    Z, which = _blobs(150)
    rows = np.arange(0, 150, 2)
    sample = make_sample(Z, rows)
    xy = project("tsne", Z, sample, seed=0)
    assert xy.shape == (150, 2)
    assert np.isfinite(xy).all()
    for cover, placed in zip(sample.rest[:10], xy[sample.rest[:10]], strict=True):
        nearest = rows[np.argsort(np.linalg.norm(Z[rows] - Z[cover], axis=1))[:PLACING_NEIGHBOURS]]
        np.testing.assert_allclose(placed, np.median(xy[nearest], axis=0), atol=1e-4)
        assert (which[nearest] == which[cover]).all()


def test_the_same_seed_gives_the_same_plane() -> None:
    Z, _ = _blobs(60)
    sample = make_sample(Z, np.arange(60))
    np.testing.assert_array_equal(project("tsne", Z, sample, 3), project("tsne", Z, sample, 3))


@pytest.mark.parametrize("n", [4, 11])
def test_very_few_covers_still_have_a_plane(n: int) -> None:
    Z, _ = _blobs(n)
    sample = make_sample(Z, np.arange(n))
    for method in ("tsne", "pca"):
        assert np.isfinite(project(method, Z, sample, 0)).all()
