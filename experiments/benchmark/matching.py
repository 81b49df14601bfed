"""Which pictures of a task are here, and a manifest with folds over them that any program can use."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from coverfusion.data.collection import Collection, read_collection
from coverfusion.data.csv_files import read_csv, write_csv
from coverfusion.data.identity_order import bare_ids
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.splits import IN_NO_FOLD, save_splits
from coverfusion.experiments.benchmark.picture_ids import possible_ids
from coverfusion.experiments.benchmark.task import Task

MANIFEST, SPLITS, ABSENT = "manifest.csv", "splits.parquet", "absent.csv"
SAME, OTHER_BYTES, GONE, LOOKS_ALIKE = "here", "other bytes", "gone", "alike"
MANIFEST_COLUMNS = ["path", "genre", "group", "fold", "id", "cover_id", "file_id"]


def match(task: Task, collection: Collection) -> pd.DataFrame:
    """Finds each picture of a task: by its bytes, else by its id where that is unique.

    Args:
        task: whose pictures are looked for.
        collection: read with `keep="all"`, so that nothing is left out.

    Returns:
        By the task's cover_id: `status` ("here", "other bytes" or "gone"), `path`, and `file_id`, the cover
        id of the bytes that are here; "" where it is gone.
    """
    here = collection.frame.assign(file_id=bare_ids(collection.frame["cover_id"]))
    first = here.drop_duplicates("file_id").set_index("file_id")
    found = pd.DataFrame(index=task.pictures.index)
    same = found.index.isin(first.index)
    found["status"] = pd.Series(SAME, found.index).where(same, GONE)
    found["path"] = first["path"].reindex(found.index).fillna("")
    found["file_id"] = found.index.where(same, "")
    if same.all():
        return found
    free = here[~here["file_id"].isin(found.index)]
    named = pd.DataFrame(
        [
            (one, row.path, row.file_id)
            for row in free.itertuples()
            for one in dict.fromkeys(possible_ids(str(row.path), str(row.genre), task.source))
        ],
        columns=["id", "path", "file_id"],
    ).drop_duplicates(["id", "file_id"])
    named = named.drop_duplicates("id", keep=False).set_index("id")
    wanted = task.pictures.loc[~same, "id"].drop_duplicates(keep=False)
    by_id = wanted[wanted.isin(named.index)]
    for column in ("path", "file_id"):
        found.loc[by_id.index, column] = named.loc[by_id, column].to_numpy()
    found.loc[by_id.index, "status"] = OTHER_BYTES
    return found


def write_workplace(
    task: Task,
    found: pd.DataFrame,
    folder: str | os.PathLike[str],
    facts_cache: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    """Writes `manifest.csv`, `splits.parquet` and `absent.csv`; `train` takes the first two.

    A picture with other bytes may look like one of another fold, or of another genre. Then it is left out
    here: learning from it would be leakage. What is here byte for byte stays.

    Args:
        task: whose folds and groups count.
        found: from `match`.
        folder: where to.
        facts_cache: as for `read_collection`.

    Returns:
        `found`, with the status "alike" where a picture is left out.
    """
    folder = make_output_folder(folder)
    there = task.pictures.join(found).reset_index()
    there = there[there["path"] != ""].assign(path=lambda rows: rows["path"].map(_absolute))
    write_csv(there[MANIFEST_COLUMNS], folder / MANIFEST)
    read = read_collection(folder / MANIFEST, facts_cache=facts_cache).frame.set_index("cover_id")
    kept = _same(there) | there["file_id"].isin(_stay(there[["file_id", "fold", "status"]], read["group"]))
    write_csv(there.loc[kept, MANIFEST_COLUMNS], folder / MANIFEST)
    save_splits(there[kept].set_index("file_id")[["fold"]], folder / SPLITS)
    found = found.copy()
    found.loc[there.loc[~kept, "cover_id"], "status"] = LOOKS_ALIKE
    absent = task.pictures.join(found)[lambda rows: rows["status"].isin([GONE, LOOKS_ALIKE])]
    write_csv(absent.reset_index()[["id", "cover_id", "genre", "status"]], folder / ABSENT)
    return found


def _same(there: pd.DataFrame) -> pd.Series:
    return there["status"] == SAME


def _stay(there: pd.DataFrame, group: pd.Series) -> pd.Index:
    """File ids of pictures that are in one fold with all that look like them here, or nearly all.

    The fold is that of the pictures with the task's bytes, where there are any, and else the commonest.

    Args:
        there: `file_id`, `fold` and `status`.
        group: by file id, of pictures that look alike here.
    """
    rows = there.set_index("file_id").reindex(group.index).assign(group=group)
    sure = rows[_same(rows)].groupby("group")["fold"]
    # two folds of the task's own are tied by a picture that belongs to neither
    fold_of = sure.first().where(sure.nunique() == 1, IN_NO_FOLD)
    commonest = rows.groupby("group")["fold"].agg(lambda numbers: numbers.mode().iloc[0])
    return rows.index[rows["fold"] == rows["group"].map(fold_of.combine_first(commonest))]


def task_ids_of_files(manifest: str | os.PathLike[str]) -> dict[str, str]:
    """Cover id of a file here -> the task's, from a manifest of `write_workplace`; of others nothing."""
    path = Path(manifest)
    if path.suffix.lower() != ".csv" or not path.is_file():
        return {}
    rows = read_csv(path, dtype=str, keep_default_na=False)
    if not {"file_id", "cover_id"} <= set(rows.columns):
        return {}
    return dict(zip(rows["file_id"], rows["cover_id"], strict=True))


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.abspath(path)  # noqa: PTH100 - a member of a zip is no path
