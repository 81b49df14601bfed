"""Covers that stand under several genres, as rows with a reason and a partner."""

from __future__ import annotations

import numpy as np
import pandas as pd


def files_differ(files: pd.DataFrame, shown: pd.Series | np.ndarray) -> pd.Series:
    """(n,) whether the files that show a cover's picture stand under different sets of genres.

    Args:
        files: a row a file and genre, with `path`, `genre` and the `picture` that it shows.
        shown: (n,) the pictures of the covers.
    """
    sets = files.groupby(["picture", "path"])["genre"].agg(frozenset)
    return pd.Series(shown).map(sets.groupby(level="picture").nunique() > 1).astype(bool)


def conflict_rows(
    rows: pd.DataFrame, same: pd.Series, shown: np.ndarray, files: pd.DataFrame
) -> pd.DataFrame:
    """The account of the covers under several genres, as of `Collection.conflicts`.

    Args:
        rows: n covers and genres.
        same: (n,) whether equal bytes stand under another genre.
        shown: (n,) the picture that each shows.
        files: a row a file and genre, with `cover_id` and `path`.
    """
    genres = {picture: sorted(set(names)) for picture, names in rows["genre"].groupby(shown)}
    paths = rows.groupby([shown, rows["genre"]])["path"].first()  # of each picture and genre
    copies = files[files["cover_id"].isin(rows["cover_id"])].groupby("cover_id")["path"].unique()
    what = np.where(same, "equal bytes", "near duplicates")
    reasons, partners = [], []
    of_rows = zip(what, shown, rows["genre"], rows["path"], rows["cover_id"], strict=True)
    for one, picture, genre, path, cover_id in of_rows:
        reasons.append(f"{one} under several genres: {', '.join(genres[picture])}")
        partner = paths[picture, next(other for other in genres[picture] if other != genre)]
        if partner == path:  # one file under both genres: an equal one is told, where there is one
            partner = next((copy for copy in copies[cover_id] if copy != path), path)
        partners.append(partner)
    conflicts = rows.assign(kind=np.where(same, "same", "near"), reason=reasons, partner=partners)
    conflicts = conflicts.sort_values(
        ["kind", "group", "genre", "cover_id"], ascending=[False, True, True, True]
    )
    columns = ["cover_id", "path", "genre", "group", "kind", "reason", "partner"]
    return conflicts[columns].reset_index(drop=True)
