"""Tables of caches: parquet behind its digest, of one version; a place that takes none is only said."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

from coverfusion.data.errors import UserNote
from coverfusion.data.parquet_bytes import read_parquet_bytes
from coverfusion.data.sealed_files import read_sealed, write_sealed


def read_frame(path: Path, version: str) -> pd.DataFrame | None:
    """The rows of this version; None where the file is not there, damaged or locked."""
    try:
        content = read_sealed(path)
    except OSError:  # `write_frame` says what is wrong with it
        return None
    if content is None:
        return None
    frame = read_parquet_bytes(content).to_pandas(use_threads=False)
    return frame[frame["version"] == version]


def write_frame(path: Path, frame: pd.DataFrame, version: str, what: str) -> bool:
    """Writes the file in one step, so that a killed run leaves the old one or the new one.

    Where it cannot be written, a warning says that `what` is not kept: a later reading only takes longer.
    """
    try:
        write_sealed(path, frame.assign(version=version).to_parquet(index=False))
    except OSError as error:
        said = f"{path}: {what} are not kept ({error.strerror or error})."
        warnings.warn(said, UserNote, stacklevel=3)
        return False
    return True
