"""YAML as people write it: `1e-3` is a number, as in YAML 1.2, and not text as in PyYAML's 1.1."""

from __future__ import annotations

import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with one more way to write a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"), list("-+.0123456789")
)


def parse_yaml(text: str) -> Any:
    """What the text says. Raises yaml.YAMLError."""
    return yaml.load(text, _Loader)
