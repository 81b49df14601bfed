"""The lock file: the digest of every picture, so that two people know whether their collections are equal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from coverfusion.data.csv_files import read_csv
from coverfusion.data.errors import UserError
from coverfusion.data.growing.files import write_table
from coverfusion.data.growing.records import STATUSES, Records

LOCK_NAME = "grow.lock.csv"
LOCK_COLUMNS = ("id", "side", "url", "sha256", "bytes", "status")
DIFFERENCE_COLUMNS = ("id", "side", "difference", "sha256_in_lock", "sha256_here")


def lock_of(records: Records, ids: Sequence[str], sides: Sequence[str]) -> pd.DataFrame:
    """One row a picture, sorted by id and side; a picture without a reply yet has none.

    Addresses may differ from one day to the next; only digests and statuses are compared.
    """
    rows = [
        (release_id, side, picture.url, picture.sha256, picture.bytes, picture.status)
        for release_id in sorted(set(ids), key=_order)
        for side in sorted(sides, reverse=True)  # front, back
        if (picture := records.picture(release_id, side)) is not None and picture.status != "open"
    ]
    return pd.DataFrame(rows, columns=list(LOCK_COLUMNS))


def write_lock(lock: pd.DataFrame, path: Path, sides: Sequence[str]) -> None:
    """Writes a lock whole or not at all; the rows of other sides, from an earlier run, stay."""
    if path.exists():
        before = read_lock(path)
        both = pd.concat([lock, before[~before["side"].isin(sides)]])
        lock = both.sort_values("id", key=lambda ids: ids.map(_order), kind="stable")
    write_table(lock, path)


def read_lock(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Reads what `write_lock` wrote.

    Raises:
        UserError: it cannot be read or is no lock.
    """
    try:
        lock = read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise UserError(f"lock: {path} cannot be read: {error}.") from error
    missing = [name for name in LOCK_COLUMNS if name not in lock]
    if missing or not lock["status"].isin(STATUSES).all():
        fault = f"it has no column '{missing[0]}'" if missing else "it has a status that nobody knows"
        raise UserError(f"lock: {path} is no lock of `coverfusion grow`: {fault}. Give a {LOCK_NAME}.")
    return lock


def differences(expected: pd.DataFrame, here: pd.DataFrame, sides: Sequence[str]) -> pd.DataFrame:
    """What two locks disagree about, one row a picture; empty where the collections are equal.

    The column `difference` is:
        "changed": other bytes;
        "gone", "none" or "bad": the lock has a picture and here it has this status;
        "came": a picture here, none in the lock;
        "not here": a row of the lock that was not asked for, or without a reply;
        "not in the lock": a row here that the lock does not have.

    Args:
        expected: a lock.
        here: another, of what was fetched.
        sides: that are compared.
    """
    compared = ["id", "side", "sha256", "status"]
    both = expected.loc[expected["side"].isin(sides), compared].merge(
        here[compared], on=["id", "side"], how="outer", suffixes=("_in_lock", "_here")
    )
    both = both.fillna("")
    cells = both[["status_in_lock", "status_here", "sha256_in_lock", "sha256_here"]]
    both["difference"] = [_difference(*row) for row in cells.to_numpy().tolist()]
    found = both[both["difference"] != ""]
    found = found.sort_values("id", key=lambda ids: ids.map(_order), kind="stable")
    return found[list(DIFFERENCE_COLUMNS)].reset_index(drop=True)


def _order(release_id: str) -> tuple[int, str]:
    """Numbers by their value."""
    return len(release_id), release_id


def _difference(before: str, now: str, sha256_before: str, sha256_now: str) -> str:
    """From the statuses and digests of one picture; "" where a lock has no row."""
    if not now:
        return "not here"
    if not before:
        return "not in the lock"
    if before == now == "ok":
        return "" if sha256_before == sha256_now else "changed"
    if before == "ok":
        return now
    return "came" if now == "ok" else ""
