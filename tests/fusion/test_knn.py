import numpy as np
import pytest

from coverfusion.fusion.knn import FusionKNN, vote_weights

X = np.array([[0.0], [1], [3], [10]], dtype=np.float32)
y = np.array(["a", "b", "b", "a"])


def test_votes_by_hand():
    fitted = FusionKNN(k=3, metric="l2", weights="uniform", smoothing=0).fit(X, y)
    # the nearest three of 2 are 0 (a), 1 (b), 3 (b)
    np.testing.assert_allclose(fitted.predict_proba([[2.0]]), [[1 / 3, 2 / 3]])


def test_smoothing_adds_votes_as_genres_are_common():
    fitted = FusionKNN(k=3, metric="l2", weights="uniform", smoothing=2).fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba([[2.0]]), [[(1 + 1) / 5, (2 + 1) / 5]])


def test_distance_votes_by_hand():
    fitted = FusionKNN(k=3, metric="l2", weights="distance", smoothing=0).fit(X, y)
    # distances of 2 to 0, 1, 3 are 2, 1, 1 before scaling, which does not change shares: 1/2 : 1 + 1
    np.testing.assert_allclose(fitted.predict_proba([[2.0]]), [[0.5 / 2.5, 2 / 2.5]], rtol=1e-5)


def test_an_exact_match_decides_alone():
    np.testing.assert_allclose(
        vote_weights(np.array([[0.0, 0.0, 2.0], [1.0, 2.0, 4.0]])), [[1, 1, 0], [1, 0.5, 0.25]]
    )
    fitted = FusionKNN(k=3, metric="l2", smoothing=0).fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba([[0.0]]), [[1, 0]])


def test_sample_weights_weigh_votes():
    fitted = FusionKNN(k=3, metric="l2", weights="uniform", smoothing=0).fit(X, y, sample_weight=[4, 1, 1, 1])
    np.testing.assert_allclose(fitted.predict_proba([[2.0]]), [[4 / 6, 2 / 6]])


def test_cosine_looks_at_directions():
    rows = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], dtype=np.float32)
    fitted = FusionKNN(k=1, metric="cosine", smoothing=0).fit(rows, ["e", "w", "n", "s"])
    assert fitted.predict([[9.0, 1], [-0.1, 3]]).tolist() == ["e", "n"]


@pytest.mark.parametrize("wrong", [{"metric": "l3"}, {"weights": "none"}, {"block_weights": "some"}])
def test_unknown_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        FusionKNN(**wrong).fit(X, y)
