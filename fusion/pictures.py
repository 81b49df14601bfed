"""Pictures among the columns of X: one column of arrays, for the classifiers that learn from them."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

PIXELS = "pixels"  # the block
COLUMN = f"{PIXELS}.picture"


class Pictures(Enum):
    """Whether a classifier learns from pictures."""

    NONE = "none"
    ONLY = "only"
    BESIDE = "beside"  # the blocks, or alone where there are none


def split_pictures(X: Any) -> tuple[Any, list[np.ndarray | None] | None]:
    """X without its pictures, and the pictures.

    Args:
        X: (n, d) frame; the column `pixels.picture`, where there is one, holds (h, w, 3) uint8 arrays, and
            None or NaN for a cover without a picture.

    Returns:
        The other columns, and n pictures; X itself and None where X has no such column.

    Raises:
        ValueError: a cell is something else.
    """
    if not isinstance(X, pd.DataFrame) or COLUMN not in X.columns:
        return X, None
    return X.drop(columns=COLUMN), [_checked(cell) for cell in X[COLUMN]]


def _checked(cell: Any) -> np.ndarray | None:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    if isinstance(cell, np.ndarray) and cell.dtype == np.uint8 and cell.ndim == 3 and cell.shape[2] == 3:
        return cell
    raise ValueError(f"{COLUMN} must hold (h, w, 3) uint8 arrays; one cell is {type(cell).__name__}")
