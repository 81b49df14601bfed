"""Which covers train, validate and test; folds for cross-validation. Groups are never separated."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import each_genre, labels_of
from coverfusion.data.identity_order import bare_ids, cut_places, least_covers
from coverfusion.data.plurals import how_many

IN_NO_FOLD = -1  # of covers that every fold learns from
SPLIT_COLUMN = "split"  # of saved 8:1:1 splits; saved folds have others
PARTS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def split(frame: pd.DataFrame, seed: int) -> pd.Series:
    """Splits covers 8:1:1 into train, validation and test, stratified by genre, by who the covers are.

    The places of `data.identity_order` are cut at 0.8 and 0.9: neither file names nor the order of rows
    count, and a cover that comes or goes moves others only next to a cut. A group is never separated. Of a
    genre of single covers each part has its share to within a cover; with larger groups to within about the
    size of one (of 3,483 real covers in 3,291 groups: 0.3 points of a genre in the worst of ten seeds). A
    genre with a single group (a single cover, say) goes to train as a whole.

    Args:
        frame: n covers with `cover_id`, `genre` and `group`.
        seed: other seeds give other splits, the same seed the same one.

    Returns:
        cover_id -> "train", "validation" or "test", in the order of the frame; a cover that stands under
        several genres is there once.
    """
    # what is never trained on can never be predicted
    part = cut_places(labels_of(frame), _identities(frame), list(PARTS.values()), {0}, seed, "split")
    names = pd.Series(np.array(list(PARTS), dtype=object)[part], index=_ids(frame), name=SPLIT_COLUMN)
    return names[~names.index.duplicated()]


def folds(frame: pd.DataFrame, k: int, repeats: int, seed: int) -> pd.DataFrame:
    """Numbers the folds of repeated, grouped, stratified cross-validation, by who the covers are.

    The places of `data.identity_order` are cut into k equal parts, with another order for each repeat. A
    genre of k groups or more has one in each fold, unless groups of several genres forbid it. Of 3,483 real
    covers in 3,291 groups each of five folds has its share of each genre to within 1.2 covers of about 140 in
    ten seeds, 0.8 by scikit-learn's `StratifiedGroupKFold`; with rare words kept together (2,148 groups of up
    to 174 covers) to within 4.2, and 1.6.

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
    tested = covers_in_folds(frame, k)
    genre, identity = labels_of(frame)[tested], _identities(frame)[tested]
    numbers = np.full((len(frame), repeats), IN_NO_FOLD, dtype=np.int64)
    for repeat in range(repeats):
        numbers[tested, repeat] = cut_places(genre, identity, [1 / k] * k, range(k), seed, "folds", repeat)
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
    single = each_genre(frame.reset_index(drop=True))
    groups = left = single.groupby("genre")["group"].nunique()
    few = groups[groups < k]
    while len(few):
        tested &= ~frame["group"].isin(single.loc[single["genre"].isin(few.index), "group"]).to_numpy()
        left = single[tested[single.index]].groupby("genre")["group"].nunique()
        few = left[left < k]
    if len(left) < min(2, len(groups)):
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
    saved = read_splits(path)
    ids = pd.Index(frame["cover_id"].unique())
    in_a_part = saved.index[(saved != IN_NO_FOLD).any(axis=1)]
    missing, extra = len(ids.difference(saved.index)), len(in_a_part.difference(ids))
    if missing or extra or saved.index.has_duplicates:
        raise UserError(
            f"{path} belongs to another collection: "
            f"{how_many(missing, 'of these covers is', 'of these covers are')} not in it, "
            f"{how_many(extra, 'of its covers is', 'of its covers are')} not here. Make new splits, or name "
            "the collection that it was made for."
        )
    saved = saved.loc[ids]
    group = frame.drop_duplicates("cover_id").set_index("cover_id")["group"]
    _check_groups(saved, group.loc[ids].to_numpy(), path)
    return saved


def take_splits(path: str | os.PathLike[str], frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Reads saved splits or folds for covers that may have changed since.

    A cover that is not in the file goes where its group is, and otherwise to train, or into no fold.

    Args:
        path: a file from `save_splits`.
        frame: n covers with `cover_id` and `group`.

    Returns:
        The saved columns, indexed by cover_id in the order of the frame, each once; and a sentence for each
        kind of difference between the file and the frame.

    Raises:
        UserError: no such file, none of these covers is in it, or it separates a group of these.
    """
    saved = read_splits(path)
    saved = saved.set_axis(bare_ids(saved.index))
    saved = saved[~saved.index.duplicated()]
    once = frame.drop_duplicates("cover_id")
    bare = pd.Index(bare_ids(once["cover_id"]))
    known = bare.isin(saved.index)
    if not known.any():
        raise UserError(f"{path} belongs to another collection: none of these covers is in it.")
    taken = saved.reindex(bare).set_axis(_ids(once))
    group = once["group"].to_numpy()
    _check_groups(taken[known], group[known], path)
    taken = taken.groupby(group).transform("first")  # of a group what is known of its covers
    with_group = taken.notna().all(axis=1).to_numpy() & ~known
    alone = ~known & ~with_group
    taken = taken.fillna("train" if SPLIT_COLUMN in taken else IN_NO_FOLD)
    gone = len(saved.index.difference(bare))
    learnt = "used for training" if SPLIT_COLUMN in taken else "used for training in every fold"
    changes = [
        (int(alone.sum()), "not in", f": {learnt}."),
        (int(with_group.sum()), "not in", ": used with near duplicates or an artist there."),
        (gone, "only in", "."),
    ]
    taken = taken if SPLIT_COLUMN in taken else taken.astype(np.int64)
    return taken, [
        f"{how_many(count, 'cover is', 'covers are')} {where} {path}{end}"
        for count, where, end in changes
        if count
    ]


def read_splits(path: str | os.PathLike[str]) -> pd.DataFrame:
    """What `save_splits` has written, indexed by cover_id: the column `split`, or columns of folds.

    Raises:
        UserError: no such file, or it holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There are no saved splits at {path}. Name the splits.parquet of a run or study.")
    try:
        saved = pd.read_parquet(path).set_index("cover_id")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} holds no splits: {error}") from error
    if SPLIT_COLUMN in saved:
        wrong = set(saved[SPLIT_COLUMN]) - set(PARTS)
        saved = saved[[SPLIT_COLUMN]]
    else:
        wrong = {str(name) for name, kind in saved.dtypes.items() if kind.kind != "i"}
    if wrong or saved.empty:
        raise UserError(
            f"{path} holds no splits: it needs the column `split` with train, validation and test, or "
            f"columns of fold numbers. Name a splits.parquet of a run or study."
        )
    return saved


def _check_groups(saved: pd.DataFrame, group: np.ndarray, path: str | os.PathLike[str]) -> None:
    crossed = int((saved.groupby(group).nunique() > 1).any(axis=1).sum())
    if crossed:
        raise UserError(f"{path} separates {crossed} groups of near duplicates or artists. Make new splits.")


def _identities(frame: pd.DataFrame) -> np.ndarray:
    return least_covers(frame["cover_id"], frame["group"])


def _ids(frame: pd.DataFrame) -> pd.Index:
    return pd.Index(frame["cover_id"], name="cover_id")
