"""Where each classifier makes itself known.

A new classifier is one new file in this folder: a scikit-learn classifier under `@register("name")`, most
easily a subclass of `fusion.base.BlockClassifier`. Nothing else changes: the command line, the config, the
bundle and the tests that run over the registry find it here. It may also lie in another package or in a
file of its own (`data.registry`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coverfusion.data.errors import UserError
from coverfusion.data.registry import Registry

if TYPE_CHECKING:
    from coverfusion.fusion.base import BlockClassifier

CLASSIFIERS: Registry[BlockClassifier] = Registry(
    "classifier", "coverfusion.fusion", "coverfusion.classifiers"
)
register = CLASSIFIERS.register


def classifier_names() -> list[str]:
    """The names of all classifiers, sorted."""
    return CLASSIFIERS.names()


def classifier_class(name: str) -> type[BlockClassifier]:
    """The class registered as `name`; `name:variant` stands for the same one with other parameters.

    Raises:
        UserError: there is no such classifier.
    """
    return CLASSIFIERS.class_of(_without_variant(name))


def parameters_of(name: str) -> dict[str, Any]:
    """The parameters of classifier `name` with their defaults.

    Raises:
        UserError: there is no such classifier.
    """
    return CLASSIFIERS.parameters_of(_without_variant(name))


def create(name: str, /, **parameters: Any) -> BlockClassifier:
    """Makes an unfitted classifier.

    Args:
        name: the classifier.
        parameters: its constructor's arguments. Values are checked by `fit`, as in scikit-learn.

    Raises:
        UserError: no such classifier or parameter.
    """
    cls = classifier_class(name)
    CLASSIFIERS.check_parameters(name, parameters, parameters_of(name))
    return cls(**parameters)


def create_checked(name: str, /, **parameters: Any) -> BlockClassifier:
    """As `create`, but values are checked as far as that can be done without data.

    Raises:
        UserError: no such classifier or parameter; a value of another type, or one that `fit` would refuse.
    """
    model = create(name, **parameters)
    CLASSIFIERS.check_values(_without_variant(name), parameters)
    try:
        model.check_parameters()
    except ValueError as error:
        raise UserError(f"Classifier '{name}': {error}") from error
    return model


def origins_of(classifier: BlockClassifier) -> dict[str, str]:
    """Name -> origin of a classifier, and of its members, as far as they are not built in."""
    members = getattr(classifier, "members_", {}).values()
    own = CLASSIFIERS.origins([classifier.name])
    return own | {name: origin for member in members for name, origin in origins_of(member).items()}


def _without_variant(name: str) -> str:
    return name.partition(":")[0]
