"""Tables of results as they were written: what is a name stays one, be it called "NA", "nan" or "01"."""

from __future__ import annotations

import os

import pandas as pd

from coverfusion.data.csv_files import read_csv

# columns of names, in any table that this package writes
NAMES = dict.fromkeys(
    (
        "classifier", "block", "blocks", "genre", "genre_a", "genre_b", "units", "unit", "other", "design",
        "family", "member", "split", "score", "balance", "model", "group",
    ),
    str,
)  # fmt: skip


def read_results(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A CSV table with its names as text ("" where empty) and its numbers as numbers (NaN where empty)."""
    frame = read_csv(path, dtype=NAMES, keep_default_na=False, na_values=[""])
    return frame.fillna({name: "" for name in NAMES if name in frame})
