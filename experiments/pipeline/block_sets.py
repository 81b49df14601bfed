"""What an ablation takes away or keeps: a block, or one family of a block's columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from coverfusion.features.text.typography import TYPOGRAPHY_COLUMNS
from coverfusion.fusion.texts import is_text

REST = "rest"  # the family of columns that share their first word with no other
LAYOUT, TYPOGRAPHY = "layout", "typography"  # the families of what is readable in a block that reads text


def families(columns: Sequence[str]) -> dict[str, list[str]]:
    """Family -> its columns, for the columns of one block.

    Columns whose names begin with the same word (up to the first underscore) are one family, such as
    `face` or `embedding`; columns that stand alone are gathered in "rest". A block with text has the
    families `letters` and `words` (the same text, learnt in two ways), `embedding`, `letterforms`,
    `typography` (how the letters look), and `layout` for all else that is readable.

    Args:
        columns: names without the block.
    """
    words = [column.split("_", 1)[0] for column in columns]
    common = Counter(words)
    grouped: dict[str, list[str]] = {}
    reads = any(is_text(f".{column}") for column in columns)
    for word, column in zip(words, columns, strict=True):
        family = word if common[word] > 1 else REST
        if reads and word not in ("embedding", "letterforms"):
            readable = TYPOGRAPHY if column in TYPOGRAPHY_COLUMNS else LAYOUT
            family = column.removeprefix("text_") if word == "text" else readable
        grouped.setdefault(family, []).append(column)
    return grouped


def units_of(block: str, columns: Sequence[str]) -> list[str]:
    """The units `block:family` of one block; only the block itself where it has a single family."""
    grouped = families(columns)
    return [f"{block}:{family}" for family in grouped] if len(grouped) > 1 else [block]


def columns_of(unit: str, blocks: Mapping[str, Sequence[str]]) -> list[str]:
    """The full names, `block.column`, of a unit's columns.

    Args:
        unit: a block, or `block:family`.
        blocks: block -> its columns without the block's name.

    Raises:
        KeyError: no such block or family.
    """
    block, colon, family = unit.partition(":")
    chosen = families(blocks[block])[family] if colon else blocks[block]
    return [f"{block}.{column}" for column in chosen]
