"""Manifests: a CSV or parquet file that names covers, one a row, read as text alone."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from coverfusion.data.addresses import Place
from coverfusion.data.csv_files import unmarked
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.genre_sets import (
    GENRES_COLUMN,
    Labels,
    check_names,
    found_separator,
    joined,
    parted,
)
from coverfusion.data.plurals import how_many

if TYPE_CHECKING:
    from _csv import Reader as CSVReader

LIST_MARK = "\x01"  # behind each value of a parquet list
MANIFEST_COLUMNS = ("path", "genre", "artist", "group")
SOURCE_COLUMN = "source"
RELEASE_COLUMN, SIDE_COLUMN = "release", "side"
_DELIMITERS = ",;\t"
_NAMED_DELIMITER = re.compile(r'"?sep=([,;\t|])"?\r?\n', re.IGNORECASE)  # the first line, for spreadsheets


def manifest_rows(
    manifest: Place, labels: Labels = "one", separator: str | None = None
) -> Iterator[tuple[str, str, str, str]]:
    """Path (as it is written), genre, artist and group of each row; what is not known is empty.

    Args:
        manifest: the file.
        labels: "many": several genres of a cover stand in the column `genres` if there is one, else in
            `genre`, and come joined by `data.genre_sets.SEPARATOR`.
        separator: what parts them there; None: it is found.

    Raises:
        UserError: as `_read`; `path` and `genre` are needed; a list of several genres where one is needed,
            or a genre whose name holds the separator of results.
    """
    several = labels == "many" and GENRES_COLUMN in columns_of(manifest, ())
    label = GENRES_COLUMN if several else "genre"
    columns = _read(manifest, ("path", label), (*MANIFEST_COLUMNS, GENRES_COLUMN))
    genres = [genre.strip() for genre in columns[label]]
    if labels == "many":
        genres = list(_sets(manifest, genres, separator))
    elif any(LIST_MARK in genre for genre in genres):
        raise UserError(
            f"{manifest}: the column 'genre' holds lists of several genres. Give one a row, or take "
            f"--labels many."
        )
    nothing = [""] * len(columns["path"])
    artists, groups = columns.get("artist", nothing), columns.get("group", nothing)
    for path, genre, artist, group in zip(columns["path"], genres, artists, groups, strict=True):
        yield path, genre, artist.strip(), group.strip()


def _sets(manifest: Place, cells: list[str], separator: str | None) -> Iterator[str]:
    """Each cell's genres, joined."""
    lists = any(LIST_MARK in cell for cell in cells)
    mark = LIST_MARK if lists else separator or found_separator(cells)
    for cell in cells:
        genres = parted(cell, mark)
        check_names(genres, manifest)
        yield joined(genres)


def manifest_paths(manifest: Place) -> list[str]:
    """The paths, as they are written; no other column is looked at.

    Raises:
        UserError: as `_read`; `path` is needed.
    """
    return _read(manifest, ("path",), ("path",))["path"]


def manifest_sources(manifest: Place) -> list[str]:
    """The column `source` of each row: where a cover comes from, such as a shop or a year.

    Raises:
        UserError: as `_read`; `source` is needed.
    """
    return [value.strip() for value in _read(manifest, (SOURCE_COLUMN,), (SOURCE_COLUMN,))[SOURCE_COLUMN]]


def columns_of(table: Place, known: Sequence[str]) -> dict[str, list[str]]:
    """Every column of a table by its name; the values, as text, of those that are known.

    Raises:
        UserError: as `_read`; no column is needed.
    """
    return _read(table, (), known)


def other_columns(manifest: Place) -> list[str]:
    """The names of the columns that say nothing to this project, in the file's order.

    `genres` are labels. `release` and `side` tell the sides of an album where both are there.

    Raises:
        UserError: as `_read`.
    """
    names, sides = _read(manifest, (), ()), {RELEASE_COLUMN, SIDE_COLUMN}
    known = {*MANIFEST_COLUMNS, SOURCE_COLUMN, GENRES_COLUMN, *(sides if sides <= set(names) else ())}
    return [name for name in names if name and name not in known]


def manifest_values(manifest: Place, names: Sequence[str]) -> dict[str, list[str]]:
    """The values of these columns by name, without outer blanks; "" where there is none.

    Raises:
        UserError: as `_read`; there is no such column.
    """
    columns = _read(manifest, (), names)
    for name in names:
        if name not in columns:
            hint = did_you_mean(name, other_columns(manifest))
            raise UserError(f"{manifest} has no column '{name}' for metadata.{hint}")
    return {name: [value.strip() for value in columns[name]] for name in names}


def _read(manifest: Place, needed: Sequence[str], known: Sequence[str]) -> dict[str, list[str]]:
    """Every column by its name; the values of those that are known.

    Raises:
        UserError: the file cannot be read, a row has too many fields, a needed column is missing or has an
            empty value, or a known column of a parquet file holds lists or bytes.
    """
    try:
        with manifest.open("rb") as stream:
            read = _read_parquet if manifest.suffix.lower() == ".parquet" else _read_csv
            columns = read(stream, known)
    except (OSError, ValueError) as error:
        raise UserError(f"{manifest} cannot be read as a manifest: {error}") from error
    for name in needed:
        if name not in columns:
            wanted = " and ".join(f"'{column}'" for column in needed)
            raise UserError(
                f"{manifest} has no column '{name}'; a manifest needs {wanted}.{did_you_mean(name, columns)}"
            )
    empty = {name: [n for n, value in enumerate(columns[name], 1) if not value.strip()] for name in needed}
    said = [_empty_rows(name, rows) for name, rows in empty.items() if rows]
    if said:
        raise UserError(
            f"{manifest}: {'; '.join(said)} (the header not counted). Fill it in or take the rows out."
        )
    return columns


def _empty_rows(name: str, rows: list[int]) -> str:
    shown = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
    return f"the {name} is empty in {how_many(len(rows), 'row')}: {shown}"


# --- CSV -----------------------------------------------------------------------------------------------


def _read_csv(stream: BinaryIO, known: Sequence[str]) -> dict[str, list[str]]:
    """The columns; raises ValueError where the file is no table of text."""
    text = _text(stream.read())
    if named := _NAMED_DELIMITER.match(text):
        text = text[named.end() :]
    first = text.partition("\n")[0]
    delimiter = named[1] if named else max(_DELIMITERS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [_column_name(name) for name in next(_rows(lines), [])]
    if not header:
        raise ValueError("it is empty")
    columns: dict[str, list[str]] = {name: [] for name in header}
    positions = {name: header.index(name) for name in known if name in header}
    for row in _rows(lines):
        if len(row) > len(header):
            raise ValueError(
                f"line {lines.line_num} has {len(row)} fields, the header {len(header)}. Put a value that "
                f"holds the delimiter in quotes, or take the last delimiter out."
            )
        for name, position in positions.items() if row else ():
            columns[name].append(unmarked(row[position]) if position < len(row) else "")
    return columns


def _rows(lines: CSVReader) -> Iterator[list[str]]:
    """The rows; raises ValueError that names the line where a quote is missing or it is no table at all."""
    try:
        yield from lines
    except csv.Error as error:
        raise ValueError(f"line {lines.line_num}: {error}. Look for a quote that is not closed.") from error


def _text(content: bytes) -> str:
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
        start = 0 if "\0" in text.partition("\n")[0] else None  # UTF-16 without its mark
    except UnicodeDecodeError as error:
        start = error.start
    if start is not None:
        line = content.count(b"\n", 0, start) + 1
        raise ValueError(f"line {line} is not in UTF-8. Save the file as CSV in UTF-8.")
    return text


def _column_name(name: str) -> str:
    """The header's name, in any case."""
    name = name.strip()
    return name.lower() if name.lower() in (*MANIFEST_COLUMNS, SOURCE_COLUMN) else name


# --- parquet -------------------------------------------------------------------------------------------


def _read_parquet(stream: BinaryIO, known: Sequence[str]) -> dict[str, list[str]]:
    """The columns; raises ValueError where a known one holds no plain values."""
    file = pq.ParquetFile(stream)
    names = {_column_name(name): name for name in file.schema_arrow.names}
    there = [name for name in known if name in names]
    table = file.read(columns=[names[name] for name in there])
    values = {name: _texts(names[name], table.column(names[name])) for name in there}
    return {name: [] for name in names} | values


def _texts(name: str, column: pa.ChunkedArray) -> list[str]:
    """A whole number is written without a fraction, for a column with a gap holds floats; a gap is empty."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if name.strip().lower() in ("genre", GENRES_COLUMN) and _is_list_of_texts(kind):
        cells: Sequence[list[str | None] | None] = column.to_pylist()
        return ["".join(f"{value}{LIST_MARK}" for value in cell or [] if value) for cell in cells]
    if pa.types.is_nested(kind):
        raise ValueError(f"the column '{name}' holds lists or structures ({kind}): give one value a row.")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        raise ValueError(f"the column '{name}' holds bytes: write it as text.")
    values: Sequence[object] = column.to_pylist()
    return [cell_text(value) for value in values]


def _is_list_of_texts(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return lists and (pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type))


def cell_text(value: object) -> str:
    """A value as a manifest writes it: a whole number without a fraction, nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.0f}" if value.is_integer() else str(value)
    return str(value)
