"""Which covers train, validate and test; folds for cross-validation. Groups are never separated."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from coverfusion.data.errors import UserError

IN_NO_FOLD = -1  # of covers that every fold learns from
PARTS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def split(frame: pd.DataFrame, seed: int) -> pd.Series:
    """Splits covers 8:1:1 into train, validation and test, stratified by genre.

    Groups go one by one, larger ones first and equal ones in random order, to the part that is furthest
    below its proportion of that group's genres. A group is never separated, so a genre of few or large groups
    comes out less even; a genre with a single group (a single cover, say) goes to train as a whole.

    Args:
        frame: n covers with `cover_id`, `genre` and `group`.
        seed: other seeds give other splits, the same seed the same one.

    Returns:
        cover_id -> "train", "validation" or "test", in the order of the frame; a cover that stands under
        several genres is there once.
    """
    genres, genre = np.unique(frame["genre"].to_numpy(dtype=str), return_inverse=True)
    groups, group = np.unique(frame["group"].to_numpy(), return_inverse=True)
    counts = np.zeros((len(groups), len(genres)))
    np.add.at(counts, (group, genre), 1)
    part = _fill(counts, np.array(list(PARTS.values())), np.random.default_rng(seed))
    names = pd.Series(np.array(list(PARTS), dtype=object)[part[group]], index=_ids(frame), name="split")
    return names[~names.index.duplicated()]


def folds(frame: pd.DataFrame, k: int, repeats: int, seed: int) -> pd.DataFrame:
    """Numbers the folds of repeated, grouped, stratified cross-validation.

    Args:
        frame: n covers with `cover_id`, `genre` and `group`.
        k: folds.
        repeats: times, each with another shuffle.
        seed: of the shuffles.

    Returns:
        Indexed by cover_id (each once), one int64 column a repeat (`repeat_0`, ...): the fold, 0 to k - 1,
        in which the cover is tested, or `IN_NO_FOLD`.

    Raises:
        UserError: as `covers_in_folds`.
    """
    rows = np.flatnonzero(covers_in_folds(frame, k))
    tested = frame.iloc[rows]
    numbers = np.full((len(frame), repeats), IN_NO_FOLD, dtype=np.int64)
    for repeat in range(repeats):
        folder = StratifiedGroupKFold(k, shuffle=True, random_state=seed + repeat)
        for number, (_, held) in enumerate(folder.split(tested, tested["genre"], tested["group"])):
            numbers[rows[held], repeat] = number
    columns = [f"repeat_{repeat}" for repeat in range(repeats)]
    result = pd.DataFrame(numbers, index=_ids(frame), columns=columns)
    return result[~result.index.duplicated()]


def covers_in_folds(frame: pd.DataFrame, k: int) -> np.ndarray:
    """Which covers can be tested by folds.

    A genre of fewer groups than folds is in no fold, and so always learnt from. So are covers of other
    genres in its groups, for a group is never separated.

    Args:
        frame: n covers with `genre` and `group`.
        k: folds.

    Returns:
        (n,) bool.

    Raises:
        UserError: fewer than two folds; all genres, or all but one, have fewer groups than folds.
    """
    if k < 2:
        raise UserError(f"folds: {k} is too few; take 2 or more.")
    tested = np.ones(len(frame), dtype=bool)
    groups = frame.groupby("genre")["group"].nunique()
    few = groups[groups < k]
    while len(few):
        tested &= ~frame["group"].isin(frame.loc[frame["genre"].isin(few.index), "group"]).to_numpy()
        left = frame[tested].groupby("genre")["group"].nunique()
        few = left[left < k]
    if frame.loc[tested, "genre"].nunique() < min(2, len(groups)):
        few = groups[groups < k]
        listed = ", ".join(f"{genre} ({count})" for genre, count in few.items())
        raise UserError(
            f"folds: {k} folds need {k} covers (or groups of covers) of two genres at least; too few in: "
            f"{listed}. Take fewer folds, or add covers."
        )
    return tested


def save_splits(splits: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Writes splits or folds, indexed by cover_id, as parquet with the columns `cover_id` and the rest."""
    splits.rename_axis("cover_id").reset_index().to_parquet(path, index=False)


def load_splits(path: str | os.PathLike[str], frame: pd.DataFrame) -> pd.DataFrame:
    """Reads saved splits or folds of exactly these covers.

    Args:
        path: a file from `save_splits`.
        frame: the collection, with `cover_id` and `group`; covers that are in no fold may be left out.

    Returns:
        The saved columns, indexed by cover_id in the order of the frame.

    Raises:
        UserError: no such file, or it belongs to other covers, or separates a group of these.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There are no saved splits at {path}.")
    try:
        saved = pd.read_parquet(path).set_index("cover_id")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} holds no splits: {error}") from error
    ids = pd.Index(frame["cover_id"].unique())
    in_a_part = saved.index[(saved != IN_NO_FOLD).any(axis=1)]
    missing, extra = len(ids.difference(saved.index)), len(in_a_part.difference(ids))
    if missing or extra or saved.index.has_duplicates:
        raise UserError(
            f"{path} belongs to another collection: {missing} of these covers are not in it, {extra} of its "
            f"covers are not here. Make new splits, or name the collection that it was made for."
        )
    saved = saved.loc[ids]
    group = frame.drop_duplicates("cover_id").set_index("cover_id")["group"]
    parts = saved.groupby(group.loc[ids].to_numpy()).nunique()
    crossed = int((parts > 1).any(axis=1).sum())
    if crossed:
        raise UserError(f"{path} separates {crossed} groups of near duplicates or artists. Make new splits.")
    return saved


def _fill(counts: np.ndarray, proportions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(groups,) the part of each group, from counts (groups, genres) and the parts' proportions."""
    wanted = np.outer(proportions, counts.sum(axis=0))  # (parts, genres)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    # The first group of every genre trains: what is never trained on can never be predicted.
    part = np.full(len(counts), -1)
    seen = np.zeros(counts.shape[1], dtype=bool)
    for group in order[::-1]:
        if (~seen & (counts[group] > 0)).any():
            seen |= counts[group] > 0
            part[group] = 0
    missing = wanted - np.stack([counts[part == p].sum(axis=0) for p in range(len(proportions))])
    for group in order[part[order] < 0]:
        held = counts[group]
        # Placing a group costs the change of the squared misses of its genres, relative to each part's size.
        cost = ((held - 2 * missing) * held / np.maximum(wanted, 1e-9))[:, held > 0].sum(axis=1)
        part[group] = int(np.argmin(cost))
        missing[part[group]] -= held
    return part


def _ids(frame: pd.DataFrame) -> pd.Index:
    return pd.Index(frame["cover_id"], name="cover_id")
