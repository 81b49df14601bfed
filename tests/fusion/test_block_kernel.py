import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import log_loss

from coverfusion.fusion.block_kernel import BlockKernel, sample_rows
from coverfusion.fusion.block_weights import solve
from coverfusion.fusion.kernel_ridge import FusionKernelRidge
from coverfusion.fusion.svc import FusionSVC
from tests.helpers.planted import planted

BLOCKS = {"a": np.array([0, 1]), "b": np.array([2])}


def test_equal_weights_make_a_product_of_kernels_and_text():
    X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    text = csr_matrix(np.eye(8, 2, dtype=np.float32))
    K = BlockKernel("equal").fit(X, {"b": np.array([2])}, {"t": text}, np.arange(8) % 2, None, 0)
    # a single column has unit variance after scaling
    z = (X[:, 2] - X[:, 2].mean()) / X[:, 2].std()
    np.testing.assert_allclose(K, np.exp(-((z[:, None] - z) ** 2)) + (text @ text.T).toarray(), rtol=1e-4)


@pytest.mark.parametrize("weights", ["equal", "learn"])
def test_new_rows_are_compared_with_training_rows(weights):
    X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    kernel, texts = BlockKernel(weights), {"t": csr_matrix(np.eye(8, 3, dtype=np.float32))}
    K = kernel.fit(X, BLOCKS, texts, np.arange(8) % 2, None, 0)
    (chunk,) = kernel.chunks(X[2:4], {"t": texts["t"][2:4]})
    np.testing.assert_allclose(kernel.between(*chunk), K[2:4], rtol=1e-4)


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="weights must be one of learn, equal"):
        BlockKernel("equals").fit(np.zeros((4, 3), np.float32), BLOCKS, {}, np.arange(4) % 2, None, 0)


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


@pytest.mark.parametrize("classifier", [FusionKernelRidge(pool=False), FusionSVC()])
def test_learnt_widths_single_out_the_block_with_the_signal(classifier):
    X, y, groups = planted()
    found = classifier.fit(X, y, groups=groups).kernel_.weights_
    assert set(found.widths) == {"cnn", "color", "texture"}
    others = [found.product, *(found.sums.get(name, 0) for name in ("cnn", "texture"))]
    assert found.sums["color"] > 4 * max(others)


def test_the_pool_loses_little_of_the_block_with_the_signal():
    X, y, groups = planted(600)
    color = [name for name in X if name.startswith("color")]
    fitted = FusionKernelRidge().fit(X[:400], y[:400], groups=groups[:400])
    alone = FusionKernelRidge().fit(X[color][:400], y[:400], groups=groups[:400])
    assert list(fitted.parts_) == ["(all)", "cnn", "color", "texture"]
    assert list(alone.parts_) == ["(all)"]
    losses = [
        log_loss(y[400:], model.predict_proba(X[model.feature_names_in_][400:])) for model in (fitted, alone)
    ]
    assert losses[0] < losses[1] + 0.02


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
