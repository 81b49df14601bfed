"""Metadata as blocks: a manifest's column of numbers, categories or text becomes columns of X.

One block a column, so that an ablation tells what each is worth, and what pictures add to it. Nothing is
learnt here: numbers are scaled, categories encoded and words counted inside the training fold, by what does
that for all blocks (`fusion.blocks`, `fusion.categories`, `fusion.texts`).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from coverfusion.features.table import METADATA, MetadataColumn, text_columns

NUMBER, CATEGORY, TEXT = "number", "category", "text"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
LARGEST_NUMBER = 1e15  # so that squares, summed over all covers, stay within 32 bits
MOST_LETTERS = 10_000  # of a text; what follows is not learnt, which would take hours
_SHOWN = 80  # letters of a text that is cut, in lists
_DIGITS = 8  # of a digest in a block's name
MetadataBlocks = Mapping[str, MetadataColumn]  # block -> what it is made of


def metadata_blocks(columns: Iterable[tuple[str, str]]) -> dict[str, MetadataColumn]:
    """Block -> what it is made of.

    Args:
        columns: (name in the manifest, kind) of each.

    A block is called as its column, as far as letters a to z, digits, `_` and `-` go. Where that leaves
    nothing, or the same of two columns, some digits of the column's SHA-256 follow.
    """
    listed = list(columns)
    plain = {column: re.sub(r"[^A-Za-z0-9_-]+", "_", column) for column, _ in listed}
    count = Counter(plain.values())
    blocks: dict[str, MetadataColumn] = {}
    for column, kind in listed:
        name = plain[column]
        if count[name] > 1 or (name != column and not name.strip("_")):
            name += f"_{hashlib.sha256(column.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"
        blocks[METADATA + name] = MetadataColumn(column=column, kind=kind)
    return blocks


def metadata_frame(blocks: MetadataBlocks, values: pd.DataFrame) -> pd.DataFrame:
    """The columns of X: `.number` (float32), `.category`, or `.text_letters` and `.text_words`.

    Of a text the first `MOST_LETTERS` letters count.

    Args:
        blocks: what to make.
        values: (n, columns) texts as they are written; "" or NaN where there is none. A column that is not
            there is missing for all.

    Returns:
        (n, d) frame named `block.column` on the same index; NaN or None where there is no value.
    """
    parts = [pd.DataFrame(index=values.index)]
    for block, made in blocks.items():
        written = values.get(made["column"], pd.Series("", index=values.index, dtype=object))
        written = written.astype(object).where(written.notna(), "")
        if made["kind"] == NUMBER:
            numbers = np.array([_number(text) for text in written], np.float32)
            parts.append(pd.DataFrame({f"{block}.number": numbers}, index=values.index))
            continue
        known = pd.Series([text or None for text in written], index=values.index, dtype=object)
        if made["kind"] == CATEGORY:
            parts.append(known.to_frame(f"{block}.category"))
        else:
            parts.append(text_columns({block: known.str[:MOST_LETTERS]}, values.index))
    return pd.concat(parts, axis=1)


def no_numbers(blocks: MetadataBlocks, values: pd.DataFrame) -> pd.DataFrame:
    """Values of columns of numbers that are none, such as "c. 1975": their cover_id, column and value.

    Args:
        blocks: all of them.
        values: texts by cover_id.
    """
    found = [
        (cover_id, made["column"], text)
        for made in blocks.values()
        if made["kind"] == NUMBER
        for cover_id, text in values[made["column"]].items()
        if text and np.isnan(_number(text))
    ]
    return pd.DataFrame(found, columns=["cover_id", "column", "value"])


def long_texts(blocks: MetadataBlocks, values: pd.DataFrame) -> pd.DataFrame:
    """Values of columns of text that are cut: their cover_id, column and the value's beginning.

    Args:
        blocks: all of them.
        values: texts by cover_id.
    """
    found = [
        (cover_id, made["column"], f"{text[:_SHOWN]}…")
        for made in blocks.values()
        if made["kind"] == TEXT
        for cover_id, text in values[made["column"]].items()
        if len(text) > MOST_LETTERS
    ]
    return pd.DataFrame(found, columns=["cover_id", "column", "value"])


def _number(text: str) -> float:
    """The number that is written, NaN where it is none or beyond `LARGEST_NUMBER`."""
    number = float(text) if _NUMBER.fullmatch(text) else np.nan
    return number if abs(number) <= LARGEST_NUMBER else np.nan
