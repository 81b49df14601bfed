"""Which genre of one collection is which of another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from coverfusion.data.csv_files import read_csv
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.names import label
from coverfusion.data.plurals import how_many


def read_genre_map(file: Path | None, known: Iterable[str]) -> dict[str, str]:
    """Genre -> what both collections are to call it, from a CSV file with the columns `from` and `to`.

    Args:
        file: None: no genre has another name.
        known: the genres of both collections.

    Raises:
        UserError: the file cannot be read, a column is missing, a value is empty, a genre stands there twice,
            or neither collection has it.
    """
    if file is None:
        return {}
    try:
        table = read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise UserError(f"--genres {file} cannot be read: {error}") from error
    for name in ("from", "to"):
        if name not in table:
            raise UserError(f"--genres {file} has no column '{name}'; it needs 'from' and 'to'.")
    before, after = table["from"].map(label), table["to"].map(label)
    if (before == "").any() or (after == "").any():
        raise UserError(f"--genres {file}: a genre is empty. Fill it in or take the row out.")
    if before.duplicated().any():
        raise UserError(f"--genres {file}: '{before[before.duplicated()].iloc[0]}' stands there twice.")
    present = sorted(set(known))
    for genre in before:
        if genre not in present:
            raise UserError(f"--genres {file}: no collection has '{genre}'.{did_you_mean(genre, present)}")
    return dict(zip(before, after, strict=True))


def partners(first: Iterable[str], second: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """The genres, by their new names, that both collections have.

    Raises:
        UserError: fewer than two.
    """
    renamed = [{names.get(genre, genre) for genre in genres} for genres in (first, second)]
    common = sorted(renamed[0] & renamed[1])
    if len(common) < 2:
        raise UserError(
            f"The collections have {how_many(len(common), 'genre')} in common: "
            f"{', '.join(sorted(renamed[0]))} and {', '.join(sorted(renamed[1]))}. "
            "Map them by --genres map.csv with the columns from,to."
        )
    return common
