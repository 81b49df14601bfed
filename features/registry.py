"""What an extractor is, and where each one makes itself known.

A new extractor is one new file in this folder: a class under `@register("name")` that has what `Extractor`
names, most easily a subclass of `BlockExtractor`. Nothing else changes: the command line, the config, the
store, the descriptions and the tests that run over the registry find it here. It may also lie in another
package or in a file of its own (`data.registry`).
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.pictures import DECODE_VERSION
from coverfusion.data.registry import Registry, code_of
from coverfusion.features.table import BACK_BLOCK
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
        """Column -> one line: its name, a colon, what it is with its unit or range.

        An embedding is one entry, `embedding_*`.
        """

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


@runtime_checkable
class TextReader(Protocol):
    """An annotator whose notes hold text that classifiers may learn from."""

    def text_of(self, note: str | None) -> str | None:
        """The text of one note; "" where there is none, None where it is not known."""


class BlockExtractor:
    """What most extractors share, so that a new one has little to say.

    A subclass has a constructor that keeps its arguments under their own names, `describe`, and `_row`; one
    that takes pictures by the batch has `__call__` instead of `_row`.
    """

    name: str
    version: str = "1"
    in_table: ClassVar[bool] = True  # False: no numbers, so in no feature table

    @property
    def columns(self) -> Sequence[str]:
        """The names that `describe` gives; an embedding names its columns itself."""
        return list(self.describe())

    def describe(self) -> Mapping[str, str]:
        """Column -> one line with its unit or range."""
        raise NotImplementedError

    def weights(self) -> Sequence[Weights]:
        """None are needed."""
        return ()

    def fingerprint(self) -> str:
        """Name + version + parameters + digest of the weights; see `fingerprint_of`."""
        return fingerprint_of(self)

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        """(n, len(columns)) float32 for n RGB pictures."""
        rows = [self._row(image) for image in images]
        return np.array(rows, np.float32).reshape(len(images), len(self.columns))

    def _row(self, image: Image) -> Sequence[float]:
        """The numbers of one RGB picture, in the order of `columns`; NaN = not there."""
        raise NotImplementedError


BLOCKS: Registry[Extractor] = Registry("block", "coverfusion.features", "coverfusion.blocks")
register = BLOCKS.register


def extractor_names() -> list[str]:
    """The names of all blocks of numbers, sorted; pictures themselves (`pixels`) are in no table."""
    return [name for name in BLOCKS.names() if getattr(BLOCKS.class_of(name), "in_table", True)]


def reads_text(name: str) -> bool:
    """Whether block `name` reads text that classifiers may learn from; False for what is no block."""
    name = name.removeprefix(BACK_BLOCK)
    return name in BLOCKS.names() and hasattr(BLOCKS.class_of(name), "text_of")


def parameters_of(name: str) -> dict[str, Any]:
    """The parameters of block `name` with their defaults (without `preset`).

    Raises:
        UserError: there is no such block.
    """
    return {key: default for key, default in BLOCKS.parameters_of(name).items() if key != "preset"}


def create(name: str, /, preset: str = "packaged", **parameters: Any) -> Extractor:
    """Makes an extractor.

    Args:
        name: the block.
        preset: "packaged" or "hub"; ignored by extractors that have no weights.
        parameters: the block's own parameters.

    Raises:
        UserError: no such block, parameter or preset, or a value of another type.
    """
    cls = BLOCKS.class_of(name)
    BLOCKS.check_parameters(name, parameters, parameters_of(name))
    BLOCKS.check_values(name, parameters)
    if preset not in ("packaged", "hub"):
        raise UserError(f"Unknown preset '{preset}'.{did_you_mean(preset, ['packaged', 'hub'])}")
    if "preset" in BLOCKS.parameters_of(name):
        parameters["preset"] = preset
    try:
        return cls(**parameters)
    except (TypeError, ValueError) as error:
        raise UserError(f"Block '{name}': {error}") from error


def fingerprint_of(extractor: Extractor) -> str:
    """The usual fingerprint: `<name>-<16 hex digits>` over everything that shapes the numbers.

    Covered: the name, the version, how pictures are decoded, each constructor argument (kept by the
    extractor as an attribute of the same name) and the digest of each weight file; of an extractor that is
    not of this project also the package that brings it, or the sha256 of its plug-in file.
    """
    arguments = {key: getattr(extractor, key) for key in inspect.signature(type(extractor)).parameters}
    parts = {
        "name": extractor.name,
        "version": extractor.version,
        "decoding": DECODE_VERSION,
        "parameters": arguments,
        "weights": [w.digest() for w in extractor.weights()],
    }
    if code := code_of(type(extractor)):
        parts["code"] = code
    text = json.dumps(parts, sort_keys=True)
    return f"{extractor.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def missing_weights(extractor: Extractor) -> str | None:
    """Why this extractor cannot run here, in one line; None where all its weights are ready."""
    absent = [w for w in extractor.weights() if not w.ready()]
    if not absent:
        return None
    return "; ".join(f"{w.name} is not here: {w.how_to_get}" for w in absent)
