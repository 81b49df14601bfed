import pytest

from coverfusion.data.errors import UserError
from coverfusion.fusion.registry import classifier_names, create, create_checked, parameters_of


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


@pytest.mark.parametrize("name", classifier_names())
def test_defaults_pass_the_check(name):
    assert type(create_checked(name, **parameters_of(name))) is type(create(name))


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("finetune", {"learning_rate": "1e-3"}, r"learning_rate must be float \| null, not '1e-3'"),
        ("svc", {"C": "much"}, r"'svc': C must be float, not 'much'"),
        ("svc", {"class_weight": "balancd"}, r"class_weight must be 'balanced'.*not 'balancd'"),
        ("finetune", {"epochs": 0}, "epochs must be 1 or more, not 0"),
        ("finetune", {"focal_gamma": -1.0}, "focal_gamma must be 0 or more"),
        ("finetune", {"learning_rate": 0.0}, "learning_rate must be above 0"),
        ("finetune", {"ema": 1.0}, "ema must be at least 0 and below 1"),
        ("finetune", {"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ("finetune", {"augmentation": "mixp"}, "Did you mean 'mixup'"),
        ("finetune", {"device": "abacus"}, "device 'abacus'"),
        ("finetune", {"backbone": "resnet51"}, r"no[r]? timm has a model 'resnet51'.*'resnet50'"),
        ("finetune", {"checkpoint": "/no/such.pth"}, r"no file /no/such.pth"),
        ("finetune", {"backbone": "resnet18", "layers": "stages"}, "with an EfficientNet-Lite"),
        ("joint", {"augmentation": "mixup"}, "mixes pictures, but not the blocks"),
        ("joint", {"fusion": "gatd"}, "fusion must be one of concat, gated, attention"),
        ("joint", {"fusion": "attention", "adapter": 30}, "multiple of 4"),
        ("stack", {"folds": 0}, "folds must be 1 or more"),
        ("stack", {"classifiers": {"finetune": {"sampling": "fair"}}}, "'finetune': sampling must be"),
    ],
)
def test_values_are_checked_without_data(name, wrong, message):
    with pytest.raises(UserError, match=message):
        create_checked(name, **wrong)
