"""scikit-learn's own checks of the contract, over the registry."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.helpers.planted import TABLE_CLASSIFIERS, quick

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "block means, inner splits and the sample that widths are learnt on count rows, whatever they weigh"
    )
}


@pytest.mark.slow
@parametrize_with_checks(
    [quick(name) for name in TABLE_CLASSIFIERS],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
