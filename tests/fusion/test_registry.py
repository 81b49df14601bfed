import pytest

from data.errors import UserError
from fusion.registry import classifier_names, create, parameters_of


def test_all_classifiers_are_found():
    named = {"average", "catboost", "kernel_ridge", "knn", "logistic", "mlp", "random_forest", "svc"}
    assert named <= set(classifier_names())
    assert classifier_names() == sorted(classifier_names())


def test_parameters_reach_the_classifier():
    classifier = create("knn", k=3, metric="l2")
    assert classifier.get_params()["k"] == 3
    assert parameters_of("knn")["k"] == create("knn").k
    assert "random_state" in parameters_of("knn")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UserError, match=r"'catbost'.*Did you mean 'catboost'"):
        create("catbost")


def test_unknown_parameter_suggests_the_nearest():
    with pytest.raises(UserError, match=r"'svc' has no parameter 'c'.*C"):
        create("svc", c=2)
