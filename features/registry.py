"""What an extractor is, and where each one makes itself known.

A new extractor is one new file in this folder: a class under `@register("name")` that has what `Extractor`
names. Nothing else changes: the command line, the config, the store, the descriptions and the tests that
run over the registry find it here.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.pictures import DECODE_VERSION
from coverfusion.features.weights import Weights


@runtime_checkable
class Extractor(Protocol):
    """Turns covers into one block of named numbers.

    Class attributes:
        name: the block's name, set by `register`.
        version: a string that changes whenever the code would give other numbers.

    The constructor takes keyword arguments only, each a JSON value with a default: they are the block's
    parameters in the config. An argument named `preset` gets "packaged" or "hub". It must be cheap:
    weights are loaded at the first call.
    """

    name: str
    version: str

    @property
    def columns(self) -> Sequence[str]:
        """Stable column names, without the block's prefix; embeddings are numbered `embedding_0000`."""

    def describe(self) -> Mapping[str, str]:
        """Column -> one line with its unit or range. An embedding is one entry, `embedding_*`."""

    def weights(self) -> Sequence[Weights]:
        """The weight files that this extractor needs (none: an empty sequence)."""

    def fingerprint(self) -> str:
        """Name + version + parameters + digest of the weights; most return `fingerprint_of(self)`."""

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        """(n, len(columns)) float32 for n RGB pictures; NaN = not there."""


@runtime_checkable
class Annotator(Protocol):
    """An extractor that also keeps something readable beside the numbers (the words it read, say)."""

    def annotate(self, images: Sequence[Image]) -> tuple[np.ndarray, list[str]]:
        """The rows of `__call__` and, for each picture, a JSON text."""


_EXTRACTORS: dict[str, Callable[..., Extractor]] = {}
T = TypeVar("T", bound=type)


def register(name: str) -> Callable[[T], T]:
    """Makes the class below it known as the extractor of block `name`."""

    def add(cls: T) -> T:
        cls.name = name  # type: ignore[attr-defined]
        _EXTRACTORS[name] = cls
        return cls

    return add


def extractor_names() -> list[str]:
    """The names of all blocks of numbers, sorted; pictures themselves (`pixels`) are in no table."""
    _import_all()
    return sorted(name for name, cls in _EXTRACTORS.items() if getattr(cls, "in_table", True))


def parameters_of(name: str) -> dict[str, Any]:
    """The parameters of block `name` with their defaults (without `preset`).

    Raises:
        UserError: there is no such block.
    """
    signature = inspect.signature(_class_of(name))
    return {p.name: p.default for p in signature.parameters.values() if p.name != "preset"}


def create(name: str, preset: str = "packaged", **parameters: Any) -> Extractor:
    """Makes an extractor.

    Args:
        name: the block.
        preset: "packaged" or "hub"; ignored by extractors that have no weights.
        parameters: the block's own parameters.

    Raises:
        UserError: no such block, parameter or preset.
    """
    cls = _class_of(name)
    known = parameters_of(name)
    for key in parameters:
        if key not in known:
            raise UserError(f"Block '{name}' has no parameter '{key}'.{did_you_mean(key, known)}")
    if preset not in ("packaged", "hub"):
        raise UserError(f"Unknown preset '{preset}'.{did_you_mean(preset, ['packaged', 'hub'])}")
    if "preset" in inspect.signature(cls).parameters:
        parameters["preset"] = preset
    try:
        return cls(**parameters)
    except (TypeError, ValueError) as error:
        raise UserError(f"Block '{name}': {error}") from error


def fingerprint_of(extractor: Extractor) -> str:
    """The usual fingerprint: `<name>-<16 hex digits>` over everything that shapes the numbers.

    Covered: the name, the version, how pictures are decoded, each constructor argument (kept by the
    extractor as an attribute of the same name) and the digest of each weight file.
    """
    arguments = {key: getattr(extractor, key) for key in inspect.signature(type(extractor)).parameters}
    parts = {
        "name": extractor.name,
        "version": extractor.version,
        "decoding": DECODE_VERSION,
        "parameters": arguments,
        "weights": [w.digest() for w in extractor.weights()],
    }
    text = json.dumps(parts, sort_keys=True)
    return f"{extractor.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def missing_weights(extractor: Extractor) -> str | None:
    """Why this extractor cannot run here, in one line; None where all its weights are ready."""
    absent = [w for w in extractor.weights() if not w.ready()]
    if not absent:
        return None
    return "; ".join(f"{w.name} is not here: {w.how_to_get}" for w in absent)


def _class_of(name: str) -> Callable[..., Extractor]:
    _import_all()
    if name not in _EXTRACTORS:
        raise UserError(f"Unknown block '{name}'.{did_you_mean(name, _EXTRACTORS)}")
    return _EXTRACTORS[name]


def _import_all() -> None:
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if "\n@register(" in path.read_text(encoding="utf-8"):  # the others may be slow to import
            importlib.import_module(f"coverfusion.features.{path.stem}")
