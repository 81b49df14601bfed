import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from coverfusion.fusion.block_kernel import BlockKernel, sample_rows
from coverfusion.fusion.block_weights import solve
from coverfusion.fusion.kernel_ridge import FusionKernelRidge
from coverfusion.fusion.svc import FusionSVC
from tests.helpers.planted import planted

BLOCKS = {"a": np.array([0, 1]), "b": np.array([2])}


def test_given_widths_make_a_product_of_kernels():
    X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    y = np.arange(8) % 2
    both = BlockKernel({"a": 0.7, "b": 0.2}).fit(X, BLOCKS, y, None, 0)
    first = BlockKernel({"a": 0.7, "b": 0.0}).fit(X, BLOCKS, y, None, 0)
    second = BlockKernel({"a": 0.0, "b": 0.2}).fit(X, BLOCKS, y, None, 0)
    np.testing.assert_allclose(both, first * second, rtol=1e-5)
    # the single column of b has unit variance after scaling
    z = (X[:, 2] - X[:, 2].mean()) / X[:, 2].std()
    np.testing.assert_allclose(second, np.exp(-0.2 * (z[:, None] - z) ** 2), rtol=1e-4)


def test_new_rows_are_compared_with_training_rows():
    X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    kernel = BlockKernel("equal")
    K = kernel.fit(X, BLOCKS, np.arange(8) % 2, None, 0)
    np.testing.assert_allclose(kernel(X[2:4]), K[2:4], rtol=1e-4)


@pytest.mark.parametrize("widths", ["equals", {"a": 1.0}, {"a": 1.0, "c": 2.0}])
def test_unknown_widths_are_refused(widths):
    with pytest.raises(ValueError, match="a number for each of a, b"):
        BlockKernel(widths).fit(np.zeros((4, 3), np.float32), BLOCKS, np.arange(4) % 2, None, 0)


def test_a_sample_keeps_shares_and_every_class():
    y = np.array([0] * 800 + [1] * 199 + [2])
    rows = sample_rows(y, 100, seed=0)
    assert np.bincount(y[rows]).tolist() == [80, 20, 1]
    assert len(set(rows)) == len(rows)
    assert sample_rows(y, 1000, seed=0).tolist() == list(range(1000))


def test_solving_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    Z, targets, weight = rng.normal(size=(30, 3)), rng.normal(size=(30, 2)), rng.uniform(0.5, 2, 30)
    theirs = KernelRidge(alpha=0.4, kernel="rbf", gamma=0.3).fit(Z, targets, sample_weight=weight)
    K = np.exp(-0.3 * ((Z[:, None] - Z) ** 2).sum(axis=2))
    np.testing.assert_allclose(K @ solve(K, targets, 0.4 / weight), theirs.predict(Z), rtol=1e-6)


@pytest.mark.parametrize("classifier", [FusionKernelRidge, FusionSVC])
def test_learnt_widths_single_out_the_block_with_the_signal(classifier):
    X, y, groups = planted()
    gammas = classifier().fit(X, y, groups=groups).kernel_.gammas
    assert set(gammas) == {"cnn", "color", "texture"}
    assert gammas["color"] > 10 * max(gammas["cnn"], gammas["texture"])


@pytest.mark.parametrize("classifier", [FusionKernelRidge, FusionSVC])
def test_a_sample_of_the_rows_is_enough(classifier):
    X, y, _ = planted(600)
    fitted = classifier(largest_n=150).fit(X[:400], y[:400])
    assert len(fitted.kernel_.rows) == 150
    assert (fitted.predict(X[400:]) == y[400:]).mean() > 0.9


@pytest.mark.parametrize("classifier", [FusionKernelRidge, FusionSVC])
def test_probabilities_are_calibrated_on_covers_not_seen(classifier):
    # two genres that overlap: the mean probability of the prediction should be near the accuracy
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1500)
    X = (rng.normal(size=(1500, 3)) + 0.6 * y[:, None]).astype(np.float32)
    fitted = classifier().fit(X[:500], y[:500])
    proba = fitted.predict_proba(X[500:])
    accuracy = (fitted.predict(X[500:]) == y[500:]).mean()
    assert proba.max(axis=1).mean() == pytest.approx(accuracy, abs=0.05)
