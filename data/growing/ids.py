"""Which releases to fetch: a text file with one a line, or a table with a column of ids."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coverfusion.data.addresses import place
from coverfusion.data.errors import UserError
from coverfusion.data.growing.source import Source
from coverfusion.data.manifest import columns_of

ID_COLUMNS = ("id", "release")
_TABLES = (".csv", ".tsv", ".parquet")
_SHOWN = 5


@dataclass(frozen=True)
class WantedRelease:
    """One release that is asked for, under one genre.

    Attributes:
        release_id: as the source writes it.
        genre: that was given for it, or "": then the source's own counts.
    """

    release_id: str
    genre: str = ""


def read_ids(path: str | os.PathLike[str], source: Source) -> list[WantedRelease]:
    """Reads a file of release ids; each pair of id and genre comes once, in the order of the file.

    A text file has one id, file name or address a line: "249504", "Rock/R-249504-1334592212.jpeg". The folder
    before a file name is its genre; `#` begins a comment. A table has a column `id` or `release`, and
    perhaps `genre`.

    Args:
        path: the file; its ending says what it is: .csv, .tsv or .parquet, else text.
        source: knows what an id looks like.

    Raises:
        UserError: the file cannot be read or holds no id, or a line holds something else.
    """
    path = Path(path)
    wanted: dict[WantedRelease, None] = {}
    wrong: list[tuple[str, str]] = []
    for where, text, genre in _rows(path) if path.suffix.lower() in _TABLES else _lines(path):
        release_id = source.id_in(text)
        if release_id is None:
            wrong.append((where, text))
        else:
            wanted[WantedRelease(release_id, genre)] = None
    if wrong:
        shown = ", ".join(f"{where} ('{text[:60]}')" for where, text in wrong[:_SHOWN])
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise UserError(
            f"{path}: no release id of {source.title} in {shown}{more}. It is {source.id_is}. Mend what is "
            f"wrong or take it out."
        )
    if not wanted:
        raise UserError(f"{path} holds no release id. Write one a line: {source.id_is}.")
    return list(wanted)


def _lines(path: Path) -> Iterator[tuple[str, str, str]]:
    """Where, text, genre."""
    try:
        content = path.read_text(encoding="utf-8-sig", errors="backslashreplace")
    except OSError as error:
        raise UserError(f"ids: {path} cannot be read: {error.strerror}.") from error
    for number, line in enumerate(content.splitlines(), start=1):
        text = "" if line.startswith("#") else line.partition(" #")[0].strip()
        if not text or text.endswith("/"):  # a listing of a zip names its folders, too
            continue
        folder = "" if "://" in text else text.rpartition("/")[0]
        yield f"line {number}", text, folder.rpartition("/")[2]


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    """Where, text, genre."""
    columns = columns_of(place(path), (*ID_COLUMNS, "genre"))
    name = next((name for name in ID_COLUMNS if name in columns), None)
    if name is None:
        raise UserError(
            f"{path} has no column 'id' or 'release', but {', '.join(columns)}. A list without a header is "
            f"read from a text file (.txt)."
        )
    genres = columns.get("genre") or [""] * len(columns[name])
    for number, (text, genre) in enumerate(zip(columns[name], genres, strict=True), start=1):
        yield f"row {number}", text.strip(), genre.strip()
