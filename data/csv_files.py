"""CSV files that people open in spreadsheets: text from outside never becomes a formula there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\n")  # with which a spreadsheet begins a formula
MARK = "'"  # with which a spreadsheet begins text


def write_csv(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Writes a frame without its index; see `as_text`."""
    as_text(frame).to_csv(path, index=False)


def read_csv(path: str | os.PathLike[str], **options: Any) -> pd.DataFrame:
    """Reads what `write_csv` wrote, with the options of pandas."""
    return as_was(pd.read_csv(Path(path), **options))


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with `'` before each cell and column name that a spreadsheet would take for a formula.

    Numbers, and text that reads as a number, are left as they are. A carriage return becomes a line feed.
    """
    return _mapped(frame, _marked)


def as_was(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame before `as_text`."""
    return _mapped(frame, unmarked)


def _mapped(frame: pd.DataFrame, change: Any) -> pd.DataFrame:
    changed = frame.copy()
    for at, kind in enumerate(frame.dtypes):  # by place: two columns may have one name
        if not pd.api.types.is_numeric_dtype(kind):
            changed.isetitem(at, frame.iloc[:, at].map(change).to_numpy())
    return changed.rename(columns=change)


def _marked(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = value.replace("\r", "\n")  # pandas puts no quotes around it, so what follows would be a row
    if not value.lstrip(MARK).startswith(FORMULA_SIGNS):
        return value
    try:
        float(value)
    except ValueError:
        return MARK + value
    return value


def unmarked(value: Any) -> Any:
    """The cell before `as_text`."""
    marked = isinstance(value, str) and value.startswith(MARK)
    return value[1:] if marked and value.lstrip(MARK).startswith(FORMULA_SIGNS) else value
