import numpy as np
import pytest

from coverfusion.fusion.average import FusionAverage
from coverfusion.fusion.registry import create
from tests.helpers.planted import planted


def test_geometric_mean_by_hand_of_fitted_members():
    X, y, _ = planted()
    knn, forest = create("knn").fit(X, y), create("random_forest", n_estimators=20).fit(X, y)
    average = FusionAverage.of({"knn": knn, "random_forest": forest})
    product = np.sqrt(np.maximum(knn.predict_proba(X), 1e-6) * np.maximum(forest.predict_proba(X), 1e-6))
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(average.predict_proba(X), expected, rtol=1e-6)
    assert average.members_["knn"] is knn
    assert average.classifiers == ("knn", "random_forest")


def test_fitting_equals_fitting_the_members():
    X, y, groups = planted(200)
    average = create("average", classifiers=("logistic", "svc")).fit(X, y, groups=groups)
    members = [create(name, random_state=0).fit(X, y, groups=groups) for name in ("logistic", "svc")]
    expected = np.exp(np.mean([np.log(np.maximum(m.predict_proba(X), 1e-6)) for m in members], axis=0))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(average.predict_proba(X), expected, rtol=1e-6)


def test_members_must_agree():
    X, y, _ = planted(100)
    first = create("logistic").fit(X, y)
    with pytest.raises(ValueError, match="other classes"):
        FusionAverage.of({"logistic": first, "knn": create("knn").fit(X, y == "Pop")})
    with pytest.raises(ValueError, match="at least one"):
        FusionAverage.of({})
