"""scikit-learn's own checks of the contract, over the registry."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fusion.registry import classifier_names
from tests.fusion.planted import quick

# one weighted row equals its copies only where nothing else counts rows
EXPECTED_FAILURES: dict[str, dict[str, str]] = {}


@pytest.mark.slow
@parametrize_with_checks(
    [quick(name) for name in classifier_names()],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(estimator.name, {}),
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
