"""Files written whole or not at all, and files of caches whose digest stands before their content."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import uuid
import warnings
from pathlib import Path

import numpy as np

from coverfusion.data.errors import UserNote

_HEAD = b"sha256 "
_HEAD_BYTES = len(_HEAD) + 64 + 1


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, on disk when this returns; raises OSError."""
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def set_aside(path: Path, why: str) -> None:
    """Renames a damaged file or folder to `<name>.broken` and warns, so that it is made anew."""
    said = f"{path} is damaged ({why}) and set aside as .broken; it is made anew."
    warnings.warn(said, UserNote, stacklevel=3)
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.broken")
    with contextlib.suppress(OSError):  # gone by now, or in a place that is only read: it is not used anyway
        path.rename(aside)


def write_sealed(path: Path, content: bytes) -> None:
    """Writes content under its digest, whole or not at all; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _HEAD + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def read_sealed(path: Path) -> bytes | None:
    """What `write_sealed` wrote; None where there is nothing, or it was damaged and is set aside."""
    try:
        kept = path.read_bytes()
    except FileNotFoundError:
        return None
    content = kept[_HEAD_BYTES:]
    if kept[:_HEAD_BYTES] != _HEAD + hashlib.sha256(content).hexdigest().encode() + b"\n":
        set_aside(path, "its content is not that of its digest")
        return None
    return content


def write_sealed_array(path: Path, array: np.ndarray) -> None:
    """Writes an array as `write_sealed` does."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_sealed(path, content.getvalue())


def read_sealed_array(path: Path) -> np.ndarray | None:
    """What `write_sealed_array` wrote; None as in `read_sealed`."""
    content = read_sealed(path)
    return None if content is None else np.load(io.BytesIO(content), allow_pickle=False)
