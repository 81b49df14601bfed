"""Where pretrained weights come from: one record a file, with its source, size and licence."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Weights:
    """One weight file (or folder) that an extractor needs.

    Attributes:
        name: what it is, e.g. "EfficientNet-Lite0, ImageNet".
        source: the package, library or path it comes from.
        licence: as its publisher states it.
        megabytes: about how large it is.
        path: where it lies, or None while it is not on this machine.
        how_to_get: what to do where it is missing, in one clause.
        fetch: downloads it ahead of time; None where it comes with a package.
    """

    name: str
    source: str
    licence: str
    megabytes: float
    path: Path | None
    how_to_get: str
    fetch: Callable[[], None] | None = None

    def ready(self) -> bool:
        """Whether the file is here."""
        return self.path is not None and self.path.exists()

    def digest(self) -> str:
        """sha256 of the file (of all files of a folder), or of name and source while it is not here."""
        if self.path is None or not self.path.exists():
            return hashlib.sha256(f"{self.name} {self.source}".encode()).hexdigest()
        return _digest(self.path, _newest_change(self.path))


def packaged_file(distribution: str, name: str) -> Path | None:
    """The file called `name` in an installed distribution, found without importing it; None if absent."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == name:
            return Path(str(file.locate()))
    return None


def _newest_change(path: Path) -> int:
    return max(p.stat().st_mtime_ns for p in _files(path))


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


@functools.cache
def _digest(path: Path, changed: int) -> str:
    """`changed` is part of the key alone: a rewritten file is read again."""
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(file.relative_to(path).as_posix().encode() if path.is_dir() else b"")
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
