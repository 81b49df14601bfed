"""Manifests: a CSV or parquet file that names covers, one a row, read as text alone."""

from __future__ import annotations

import codecs
import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from coverfusion.data.addresses import Place
from coverfusion.data.csv_files import unmarked
from coverfusion.data.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from _csv import Reader as CSVReader

MANIFEST_COLUMNS = ("path", "genre", "artist", "group")
_SOURCE = "source"
_READ = (*MANIFEST_COLUMNS, _SOURCE)
_DELIMITERS = ",;\t"


def manifest_rows(manifest: Place) -> Iterator[tuple[str, str, str, str]]:
    """Path (as it is written), genre, artist and group of each row; what is not known is empty.

    Raises:
        UserError: the file cannot be read, a column is missing, a row has too many fields, no path or no
            genre, or a column of a parquet file holds lists or bytes.
    """
    columns = _columns(manifest)
    for name in ("path", "genre"):
        if name not in columns:
            raise UserError(
                f"{manifest} has no column '{name}'; a manifest needs 'path' and 'genre'."
                f"{did_you_mean(name, columns)}"
            )
        empty = [str(row) for row, value in enumerate(columns[name], start=1) if not value.strip()]
        if empty:
            raise UserError(
                f"{manifest}: the {name} is empty in {len(empty)} row(s), the first: {', '.join(empty[:5])} "
                f"(of the data). Fill it in or take the rows out."
            )
    nothing = [""] * len(columns["path"])
    known = [columns.get(name, nothing) for name in MANIFEST_COLUMNS]
    for path, genre, artist, group in zip(*known, strict=True):
        yield path, genre.strip(), artist.strip(), group.strip()


def manifest_sources(manifest: Place) -> list[str]:
    """The column `source` of each row: where a cover comes from, such as a shop or a year.

    Raises:
        UserError: the file cannot be read, it has no such column, or a row has no source.
    """
    columns = _columns(manifest)
    if _SOURCE not in columns:
        raise UserError(f"{manifest} has no column 'source'.{did_you_mean(_SOURCE, columns)}")
    sources = [value.strip() for value in columns[_SOURCE]]
    empty = [row for row, value in enumerate(sources, start=1) if not value]
    if empty:
        raise UserError(
            f"{manifest}: the source is empty in {len(empty)} row(s), the first: {empty[0]} (of the data). "
            f"Fill it in or take the rows out."
        )
    return sources


def _columns(manifest: Place) -> dict[str, list[str]]:
    """Name -> values of the columns that a manifest knows; raises UserError where it cannot be read."""
    try:
        with manifest.open("rb") as stream:
            return (_read_parquet if manifest.suffix.lower() == ".parquet" else _read_csv)(stream)
    except (OSError, ValueError) as error:
        raise UserError(f"{manifest} cannot be read as a manifest: {error}") from error


# --- CSV -----------------------------------------------------------------------------------------------


def _read_csv(stream: BinaryIO) -> dict[str, list[str]]:
    """The columns; raises ValueError where the file is no table of text."""
    text = _text(stream.read())
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count))
    header = [_column_name(name) for name in next(_rows(lines), [])]
    if not header:
        raise ValueError("it is empty")
    columns: dict[str, list[str]] = {name: [] for name in header}
    known = {name: header.index(name) for name in _READ if name in header}
    for row in _rows(lines):
        if len(row) > len(header):
            raise ValueError(
                f"line {lines.line_num} has {len(row)} fields, the header {len(header)}. Put a value that "
                f"holds the delimiter in quotes, or take the last delimiter out."
            )
        for name, position in known.items() if row else ():
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
    return name.lower() if name.lower() in _READ else name


# --- parquet -------------------------------------------------------------------------------------------


def _read_parquet(stream: BinaryIO) -> dict[str, list[str]]:
    """The columns that a manifest knows; raises ValueError where one holds no plain values."""
    file = pq.ParquetFile(stream)
    names = {_column_name(name): name for name in file.schema_arrow.names}
    known = [names[name] for name in _READ if name in names]
    if not {"path", "genre"} <= set(names):
        return {name: [] for name in names}
    table = file.read(columns=known)
    return {_column_name(name): _texts(name, table.column(name)) for name in known}


def _texts(name: str, column: pa.ChunkedArray) -> list[str]:
    """A whole number is written without a fraction, for a column with a gap holds floats; a gap is empty."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_nested(kind):
        raise ValueError(f"the column '{name}' holds lists or structures ({kind}): give one value a row.")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        raise ValueError(f"the column '{name}' holds bytes: write it as text.")
    values: Sequence[object] = column.to_pylist()
    return [_as_text(value) for value in values]


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.0f}" if value.is_integer() else str(value)
    return str(value)
