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
        files: a row a file and genre, with `cover_id`, `path` and `genre`.
    """
    pictures = dict(zip(rows["cover_id"], shown, strict=True))
    files = files[files["cover_id"].isin(pictures)]
    equal, alike = _files_of(files, files["cover_id"]), _files_of(files, files["cover_id"].map(pictures))
    reasons, partners = [], []
    for is_same, (_, row) in zip(same, rows.iterrows(), strict=True):
        others = equal[row["cover_id"]] if is_same else alike[pictures[row["cover_id"]]]
        what = "equal bytes" if is_same else "near duplicates"
        reasons.append(f"{what} under several genres: {', '.join(sorted({genre for _, genre in others}))}")
        # a file of another genre, where one file has not both
        partners.append(min(others, key=lambda file: (file[0] == row["path"], file[1] == row["genre"]))[0])
    conflicts = rows.assign(kind=np.where(same, "same", "near"), reason=reasons, partner=partners)
    conflicts = conflicts.sort_values(
        ["kind", "group", "genre", "cover_id"], ascending=[False, True, True, True]
    )
    columns = ["cover_id", "path", "genre", "group", "kind", "reason", "partner"]
    return conflicts[columns].reset_index(drop=True)


def _files_of(files: pd.DataFrame, of: pd.Series) -> dict[object, list[tuple[str, str]]]:
    """Path and genre of the files of each cover or picture, in their order."""
    return {
        one: list(zip(part["path"], part["genre"], strict=True)) for one, part in files.groupby(of.to_numpy())
    }
