"""Whether the functions of this package print: not unless they are asked to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from coverfusion.experiments.pipeline.console import console


@contextmanager
def printing(wanted: bool) -> Iterator[None]:
    """Progress bars and remarks on the console inside, or none."""
    before = console.quiet
    console.quiet = not wanted
    try:
        yield
    finally:
        console.quiet = before
