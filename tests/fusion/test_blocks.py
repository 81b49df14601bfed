import numpy as np
import pytest

from coverfusion.fusion.blocks import (
    BlockScaler,
    columns_by_block,
    missing_by_block,
    principal_components,
    reused_transforms,
)


def test_blocks_are_what_stands_before_the_dot():
    found = columns_by_block(["cnn.embedding_0000", "color.hue", "cnn.embedding_0001"])
    assert {block: where.tolist() for block, where in found.items()} == {"cnn": [0, 2], "color": [1]}


def test_numbered_columns_beside_readable_ones_stand_alone():
    found = columns_by_block(
        ["ocr.words", "ocr.embedding_0000", "ocr.embedding_0001", "ocr.found", "ocr.ngram_0"]
    )
    assert {b: w.tolist() for b, w in found.items()} == {
        "ocr": [0, 3],
        "ocr.embedding": [1, 2],
        "ocr.ngram": [4],
    }


def test_columns_without_prefix_are_one_block():
    assert columns_by_block(range(3))["all"].tolist() == [0, 1, 2]


def test_hand_computed_scaling_and_gap_column():
    X = np.array([[1.0, 10], [3, np.nan], [5, 30], [7, np.nan]], dtype=np.float32)
    scaler = BlockScaler()
    Z = scaler.fit_transform(X, {"color": np.array([0, 1])})
    # column 0: mean 4, sd sqrt(5); column 1: mean 20, sd 10, gaps to 0; gap column: mean 1/2, not scaled
    standard = np.array([[-3, -1, -0.5], [-1, 0, 0.5], [1, 1, -0.5], [3, 0, 0.5]]) / [5**0.5, 1, 1]
    size = np.sqrt(1 + 0.5 + 0.25)
    np.testing.assert_allclose(Z, standard / size, rtol=1e-5)
    assert scaler.slices == {"color": slice(0, 3)}


def test_mean_squared_distance_is_two_in_every_block():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(3, 9, (50, 30)), rng.normal(0, 0.1, (50, 2))], axis=1).astype(np.float32)
    scaler = BlockScaler(pca=10)
    Z = scaler.fit_transform(X, {"wide": np.arange(30), "narrow": np.arange(30, 32)})
    for columns in scaler.slices.values():
        part = Z[:, columns].astype(float)
        squared = ((part[:, None] - part[None]) ** 2).sum(axis=2)
        assert squared.mean() == pytest.approx(2, rel=1e-4)
    assert scaler.slices == {"wide": slice(0, 10), "narrow": slice(10, 12)}


def test_pca_keeps_blocks_apart():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 40)).astype(np.float32)
    blocks = {"a": np.arange(0, 20), "b": np.arange(20, 40)}
    scaler = BlockScaler(pca=5).fit(X, blocks)
    changed = X.copy()
    changed[:, 20:] += rng.normal(size=(60, 20)).astype(np.float32)
    before, after = scaler.transform(X), scaler.transform(changed)
    np.testing.assert_array_equal(before[:, scaler.slices["a"]], after[:, scaler.slices["a"]])
    assert np.abs(before[:, scaler.slices["b"]] - after[:, scaler.slices["b"]]).max() > 0.01


def test_weights_multiply_a_block():
    X = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    scaler = BlockScaler().fit(X, {"a": np.array([0, 1]), "b": np.array([2, 3])})
    plain = scaler.transform(X)
    scaler.weights = {"a": 0.0, "b": 3.0}
    np.testing.assert_allclose(scaler.transform(X), plain * [0, 0, 3, 3], rtol=1e-6)


@pytest.mark.parametrize("shape", [(80, 12), (10, 30)])
def test_components_agree_with_scikit_learn(shape):
    from sklearn.decomposition import PCA

    X = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 3, shape[1])
    X -= X.mean(axis=0)
    ours = principal_components(X.astype(np.float32), 4)
    theirs = PCA(4, svd_solver="full").fit(X).components_.T
    np.testing.assert_allclose(np.abs(np.sum(ours * theirs, axis=0)), 1, atol=1e-3)


def test_constant_empty_and_huge_columns_stay_finite():
    X = np.zeros((6, 4), dtype=np.float32)
    X[:, 1] = np.nan
    X[:, 2] = np.arange(6) * 1e15
    X[0, 3] = 1e30
    scaler = BlockScaler()
    assert np.isfinite(scaler.fit_transform(X, {"a": np.arange(4)})).all()
    assert np.isfinite(scaler.transform(np.full((2, 4), np.nan, dtype=np.float32))).all()


def test_missing_means_no_value_at_all():
    X = np.array([[np.nan, 1, np.nan], [np.nan, np.nan, 2]])
    found = missing_by_block(X, {"a": np.array([0, 1]), "b": np.array([2])})
    assert found.tolist() == [[False, True], [True, False]]


def test_reused_transforms_are_the_same_numbers_and_follow_the_rows():
    X = np.random.default_rng(0).normal(size=(60, 30)).astype(np.float32)
    blocks = {"cnn": np.arange(20), "color": np.arange(20, 30)}
    plain = BlockScaler(pca=5).fit_transform(X, blocks)
    with reused_transforms():
        once = BlockScaler(pca=5).fit_transform(X, blocks)
        again = BlockScaler(pca=5).fit_transform(X, {"color": blocks["color"]})
        other_pca = BlockScaler(pca=3).fit_transform(X, {"cnn": blocks["cnn"]})
        other_rows = BlockScaler(pca=5).fit_transform(X[:40], blocks)
    np.testing.assert_array_equal(once, plain)
    np.testing.assert_array_equal(again, plain[:, 5:])
    assert other_pca.shape == (60, 3)
    np.testing.assert_array_equal(other_rows, BlockScaler(pca=5).fit_transform(X[:40], blocks))
