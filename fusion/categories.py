"""Categories among the columns of X, such as a label: common values become 0/1 inside a training fold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.features.table import METADATA
from coverfusion.fusion.texts import is_text

CATEGORY = re.compile(rf"^{METADATA}[^.]*\.category$")
LEAST_COVERS = 3  # training covers with a value, for a column of its own
MOST_VALUES = 40  # a column; with gaps that is narrower than what CatBoost projects
RARE = "(other)"  # all other values together
Values = dict[str, np.ndarray]  # column -> its learnt values, sorted


def is_category(column: object) -> bool:
    """Whether a column of X holds categories: `metadata_<name>.category`."""
    return CATEGORY.match(str(column)) is not None


def holds_strings(column: object) -> bool:
    """Whether a column of X holds text or categories, and no numbers."""
    return is_text(column) or is_category(column)


def learnt_categories(X: Any, used: np.ndarray | None = None) -> Values:
    """Which values of each column of categories get a column of their own.

    Those of at least `LEAST_COVERS` rows, the `MOST_VALUES` most common. Genres have no say.

    Args:
        X: (n, d) frame; cells of its columns of categories are texts, and None or NaN where there is none.
        used: (n,) rows to learn from; None: all.

    Raises:
        ValueError: a cell is something else.
    """
    names = [str(name) for name in X.columns if is_category(name)] if isinstance(X, pd.DataFrame) else []
    learnt = {}
    for name in names:
        cells = _checked(name, X[name])
        counts = (cells if used is None else cells[used]).value_counts()
        counts = counts[counts >= LEAST_COVERS].sort_index().sort_values(ascending=False, kind="stable")
        learnt[name] = np.array(sorted(counts.index[:MOST_VALUES]), dtype=str)
    return learnt


def encoded(X: pd.DataFrame, values: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """X with float32 columns, one a learnt value and one for all others, in the place of each of categories.

    A row without a value is NaN in all of them.
    """
    if not any(name in X for name in values):
        return X
    parts = []
    for name in X.columns:
        if name not in values:
            parts.append(X[[name]])
            continue
        cells = _checked(name, X[name])
        positions = pd.Index(values[name]).get_indexer(pd.Index(cells))
        there = np.eye(len(values[name]) + 1, dtype=np.float32)[positions]  # -1: the last, all others
        there[cells.isna().to_numpy()] = np.nan
        parts.append(pd.DataFrame(there, index=X.index, columns=_names(name, values[name])))
    return pd.concat(parts, axis=1)


def decoded(X: pd.DataFrame, values: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The reverse of `encoded`; all values that are not learnt are one, `RARE`."""
    for name, learnt in values.items():
        own = _names(name, learnt)
        there = X[own].to_numpy(np.float32)
        known = np.array([*learnt, _rare(learnt)], dtype=object)[np.nan_to_num(there).argmax(axis=1)]
        known[np.isnan(there[:, 0])] = None
        place = list(X.columns).index(own[0])
        X = X.drop(columns=own)
        X.insert(place, name, pd.Series(known, index=X.index, dtype=object))
    return X


def encoded_names(columns: Sequence[str], values: Mapping[str, np.ndarray]) -> list[str]:
    """What the columns of `encoded` are called."""
    return [name for column in columns for name in _names(column, values.get(column))]


def plain_name(column: str) -> str:
    """The column of categories that a column of `encoded` came from; any other column itself."""
    name = column.partition("[")[0]
    return name if is_category(name) else column


def check_categories(values: object) -> None:
    """Raises UserError where loaded values are not what `learnt_categories` gives."""
    good = isinstance(values, dict) and all(
        isinstance(learnt, np.ndarray)
        and learnt.ndim == 1
        and learnt.dtype.kind == "U"
        and len(learnt) <= MOST_VALUES
        for learnt in values.values()
    )
    if not good:
        raise UserError("The saved classifier's categories are broken. Train it again.")


def _names(column: str, values: np.ndarray | None) -> list[str]:
    return [column] if values is None else [f"{column}[{value}]" for value in [*values, _rare(values)]]


def _rare(values: np.ndarray) -> str:
    """`RARE`, in more brackets where a learnt value is called so."""
    name = RARE
    while name in values:
        name = f"({name})"
    return name


def _checked(name: str, cells: pd.Series) -> pd.Series:
    kept = cells.astype(object).where(cells.notna(), None)
    wrong = next((cell for cell in kept if not isinstance(cell, str | None)), None)
    if wrong is not None:
        raise ValueError(f"{name} must hold texts or None; one cell is {type(wrong).__name__}")
    # numpy drops a NUL at the end of a text, which would make two values one
    return kept.map(lambda cell: cell and cell.replace("\0", "\\x00"))
