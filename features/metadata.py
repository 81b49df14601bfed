"""Metadata as blocks: a manifest's column of numbers, categories or text becomes columns of X.

One block a column, so that an ablation tells what each is worth, and what pictures add to it. Nothing is
learnt here: numbers are scaled, categories encoded and words counted inside the training fold, by what does
that for all blocks (`fusion.blocks`, `fusion.categories`, `fusion.texts`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.features.table import METADATA, MetadataColumn, text_columns

NUMBER, CATEGORY, TEXT = "number", "category", "text"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LARGEST = float(np.finfo(np.float32).max)
MetadataBlocks = Mapping[str, MetadataColumn]  # block -> what it is made of


def metadata_blocks(columns: Iterable[tuple[str, str]]) -> dict[str, MetadataColumn]:
    """Block -> what it is made of.

    Args:
        columns: (name in the manifest, kind) of each.

    Raises:
        UserError: two columns would make one block.
    """
    blocks: dict[str, MetadataColumn] = {}
    for column, kind in columns:
        block = METADATA + re.sub(r"[^A-Za-z0-9_-]+", "_", column)
        if block in blocks:
            raise UserError(
                f"metadata: the columns '{blocks[block]['column']}' and '{column}' would both be the block "
                f"'{block}'. Rename one of them in the manifest, or leave one out."
            )
        blocks[block] = MetadataColumn(column=column, kind=kind)
    return blocks


def metadata_frame(blocks: MetadataBlocks, values: pd.DataFrame) -> pd.DataFrame:
    """The columns of X: `.number` (float32), `.category`, or `.text_letters` and `.text_words`.

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
            parts.append(text_columns({block: known}, values.index))
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


def _number(text: str) -> float:
    """The number that is written, NaN where it is none or does not fit into 32 bits."""
    number = float(text) if _NUMBER.fullmatch(text) else np.nan
    return number if abs(number) <= _LARGEST else np.nan
