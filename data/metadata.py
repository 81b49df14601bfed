"""Columns of a manifest beside path, genre, group and artist: what is known of an album but its cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.data.addresses import Place
from coverfusion.data.collection import Collection
from coverfusion.data.errors import UserError
from coverfusion.data.manifest import manifest_values
from coverfusion.data.sources import pictures_of_manifest

PROBLEM_COLUMNS = ["path", "column", "value", "used", "reason"]
ANOTHER_ROW = "not in the first row of its cover, so unused"


def read_metadata(manifest: Place, columns: Sequence[str]) -> pd.DataFrame:
    """The columns' values as they are written, one row a row of the manifest; "" where there is none.

    Args:
        manifest: a CSV or parquet file.
        columns: names in its header.

    Returns:
        (n, columns) texts, by the path as `data.sources` lists it; several rows may have one path.

    Raises:
        UserError: it is no manifest, or has no such column.
    """
    paths = pictures_of_manifest(str(manifest))
    if paths is None:
        raise UserError(f"metadata: {manifest} has no columns. Metadata needs a manifest (.csv, .parquet).")
    return pd.DataFrame(manifest_values(manifest, columns), index=pd.Index(paths, name="path"))


def metadata_of_covers(collection: Collection, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The metadata of each cover, which are those of its first row, and where other rows of it differ.

    Args:
        collection: read from the manifest.
        rows: of `read_metadata`.

    Returns:
        The values by cover_id, each cover once; and path, column, value, used (the one that counts) and
        reason for each value of another row of the same cover that differs.
    """
    known = pd.concat([collection.frame[["cover_id", "path"]], collection.copies]).drop_duplicates("path")
    ids = known.set_index("path")["cover_id"]
    mine = rows[rows.index.isin(ids.index)]
    of = ids.loc[mine.index].to_numpy()
    first = mine[~pd.Series(of).duplicated().to_numpy()]
    values = first.set_axis(pd.Index(ids.loc[first.index], name="cover_id"))
    used = values.loc[of].to_numpy(dtype=object)
    there = np.argwhere(mine.to_numpy(dtype=object) != used)
    others = [
        (mine.index[row], mine.columns[at], mine.iat[row, at], used[row, at], ANOTHER_ROW)
        for row, at in there
    ]
    return values, pd.DataFrame(others, columns=PROBLEM_COLUMNS)
