"""Files of a grown collection: each is written whole or not at all, so that a kill harms none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from coverfusion.data.csv_files import as_text
from coverfusion.data.errors import UserError
from coverfusion.data.growing.cover_art import Cover

T = TypeVar("T")


def replace_text(path: Path, text: str) -> None:
    """Puts a text in the place of a file."""
    _replace_bytes(path, text.encode())


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Puts a CSV in the place of a file."""
    replace_text(path, as_text(frame).to_csv(index=False, lineterminator="\n"))


def save_cover(folder: Path, release_id: str, side: str, cover: Cover) -> str:
    """Writes the picture of a release; its path relative to the folder."""
    path = f"covers/{release_id[:2]}/{release_id}-{side}{cover.suffix}"
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace_bytes(file, cover.data)
    return path


def forget_halves(folder: Path) -> None:
    """Removes what a killed run left of pictures."""
    for partial in folder.glob("covers/*/.*.partial"):
        partial.unlink()


def append_line(path: Path, value: Any) -> None:
    """Adds one value to a file of JSON lines."""
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json_line(value))


def json_line(value: Any) -> str:
    """One value as a line."""
    return json.dumps(value, ensure_ascii=False) + "\n"


def read_lines(path: Path, read: Callable[[Any], T]) -> list[T]:
    """What `read` makes of each line; a half last line is left out, for a killed run may leave one.

    Raises:
        UserError: the file cannot be read, or another line is damaged.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_bytes().split(b"\n")  # a kill may leave half a letter, too
        return [read(json.loads(line.decode())) for line in lines[:-1] if line]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {error}. Mend the line or grow into another --out.") from error


def _replace_bytes(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)
