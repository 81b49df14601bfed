"""Values of a parameter: how they are typed, what they mean, and how they stand on an axis."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.yaml_text import parse_yaml

DECADE = 10.0  # largest value over smallest from which on an axis is logarithmic


def parse_value(text: str) -> Any:
    """A value as YAML has it: `0.1`, `true`, `null`, `mixup`, `[svc, mlp]`; `1e-4` is a number too.

    Raises:
        UserError: it is not YAML.
    """
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise UserError(f"The value {text!r} is not YAML: {error}") from error


def label(value: Any) -> str:
    """How a value is written in tables and pictures."""
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, default=str)


def is_number(value: Any) -> bool:
    """Whether it has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def in_order(values: Sequence[Any]) -> list[Any]:
    """Each once: numbers by size, others as they came."""
    seen = {label(value): value for value in values}
    return sorted(seen.values()) if all(map(is_number, values)) else list(seen.values())


def spans_decades(values: Sequence[float]) -> bool:
    """Whether a logarithmic axis shows them better."""
    return min(values) > 0 and max(values) >= DECADE * min(values)
