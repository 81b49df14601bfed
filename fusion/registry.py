"""Where each classifier makes itself known.

A new classifier is one new file in this folder: a scikit-learn classifier under `@register("name")`, most
easily a subclass of `fusion.base.BlockClassifier`. Nothing else changes: the command line, the config, the
bundle and the tests that run over the registry find it here.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from coverfusion.data.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from coverfusion.fusion.base import BlockClassifier

_CLASSIFIERS: dict[str, Any] = {}
T = TypeVar("T", bound=type)


def register(name: str) -> Callable[[T], T]:
    """Makes the classifier class below it known as `name`."""

    def add(cls: T) -> T:
        cls.name = name  # type: ignore[attr-defined]
        _CLASSIFIERS[name] = cls
        return cls

    return add


def classifier_names() -> list[str]:
    """The names of all classifiers, sorted."""
    _import_all()
    return sorted(_CLASSIFIERS)


def classifier_class(name: str) -> type[BlockClassifier]:
    """The class registered as `name`; `name:variant` stands for the same one with other parameters.

    Raises:
        UserError: there is no such classifier.
    """
    _import_all()
    name = name.partition(":")[0]
    if name not in _CLASSIFIERS:
        raise UserError(f"Unknown classifier '{name}'.{did_you_mean(name, _CLASSIFIERS)}")
    return _CLASSIFIERS[name]


def parameters_of(name: str) -> dict[str, Any]:
    """The parameters of classifier `name` with their defaults.

    Raises:
        UserError: there is no such classifier.
    """
    signature = inspect.signature(classifier_class(name))
    return {p.name: p.default for p in signature.parameters.values()}


def create(name: str, **parameters: Any) -> BlockClassifier:
    """Makes an unfitted classifier.

    Args:
        name: the classifier.
        parameters: its constructor's arguments. Values are checked by `fit`, as in scikit-learn.

    Raises:
        UserError: no such classifier or parameter.
    """
    cls = classifier_class(name)
    known = parameters_of(name)
    for key in parameters:
        if key not in known:
            raise UserError(f"Classifier '{name}' has no parameter '{key}'.{did_you_mean(key, known)}")
    return cls(**parameters)


def create_checked(name: str, **parameters: Any) -> BlockClassifier:
    """As `create`, but values are checked as far as that can be done without data.

    Raises:
        UserError: no such classifier or parameter; a value of another type, or one that `fit` would refuse.
    """
    model = create(name, **parameters)
    hints = get_type_hints(type(model).__init__)
    for key, value in parameters.items():
        try:
            TypeAdapter(hints[key]).validate_python(value, strict=True)
        except ValidationError:
            kinds = str(hints[key]) if get_args(hints[key]) else hints[key].__name__
            kinds = kinds.replace("NoneType", "null").replace("None", "null").replace("typing.", "")
            raise UserError(f"Classifier '{name}': {key} must be {kinds}, not {value!r}.") from None
    try:
        model.check_parameters()
    except ValueError as error:
        raise UserError(f"Classifier '{name}': {error}") from error
    return model


def _import_all() -> None:
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if "\n@register(" in path.read_text(encoding="utf-8"):  # the others may be slow to import
            importlib.import_module(f"coverfusion.fusion.{path.stem}")
