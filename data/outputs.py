"""Folders of results: they bear a mark, so that a result written among covers is never taken for covers."""

from __future__ import annotations

import os
from pathlib import Path

OUTPUT_MARK = ".coverfusion-output"


def make_output_folder(folder: str | os.PathLike[str]) -> Path:
    """Makes a folder for results, with those above it, and marks it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / OUTPUT_MARK).touch()
    return folder
