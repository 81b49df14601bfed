"""Items of two pictures: blocks of the front, and the same blocks of the back as `back_color` and so on.

One extractor makes both, and the store keeps both by the picture's own id. A side that is missing is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL.Image import Image

from coverfusion.features.descriptions import short_meaning
from coverfusion.features.extract import Rows, compute, read_table, table_of_rows
from coverfusion.features.registry import Annotator, Extractor
from coverfusion.features.store import Store
from coverfusion.features.table import BACK_BLOCK, FeatureTable, is_back

_NO_PICTURE = ""  # an id that no row of the store has


def join_sides(fronts: FeatureTable, backs: FeatureTable) -> FeatureTable:
    """The blocks of both sides of n items side by side."""
    return FeatureTable(
        fronts.blocks | {BACK_BLOCK + name: block for name, block in backs.blocks.items()},
        fronts.notes | {BACK_BLOCK + name: notes for name, notes in backs.notes.items()},
        fronts.texts | {BACK_BLOCK + name: texts for name, texts in backs.texts.items()},
    )


def fronts_of(table: FeatureTable) -> FeatureTable:
    """The same items without the blocks of backs; what looks alike is told by the front."""
    return table.without(*(name for name in table.blocks if is_back(name)))


def meanings_of(extractors: Sequence[Extractor], backs: bool = False) -> dict[str, str]:
    """`block.column` -> what it means and its unit, in the extractor's words.

    Args:
        extractors: of the blocks.
        backs: also those of backs.
    """
    known = {f"{e.name}.{column}": text for e in extractors for column, text in e.describe().items()}
    return known | ({BACK_BLOCK + name: _on_the_back(text) for name, text in known.items()} if backs else {})


def _on_the_back(meaning: str) -> str:
    """The same of the other side; its short name says so too."""
    name = short_meaning(meaning)
    return f"{name} on the back{meaning.removeprefix(name)}"


def read_items(covers: pd.DataFrame, extractors: Sequence[Extractor], store: Store) -> FeatureTable:
    """The feature table of a collection's covers, as the store has it.

    Args:
        covers: n rows with `cover_id` and, where sides are fused, `back` (`data.collection.Collection`).
        extractors: the blocks.
        store: has the rows; one that is not there is all NaN.
    """
    ids = covers["cover_id"]
    if "back" not in covers:
        return read_table(ids.tolist(), extractors, store)
    index = pd.Index(ids, name="cover_id")
    fronts = read_table(ids.where(covers["back"] != ids, _NO_PICTURE).tolist(), extractors, store)
    backs = read_table(covers["back"].tolist(), extractors, store)
    return join_sides(fronts, backs).set_index(index)


def table_of(
    images: Sequence[Image | None], extractors: Sequence[Extractor]
) -> tuple[FeatureTable, list[str]]:
    """The feature table of n decoded pictures, and for each the blocks that failed ("" for none).

    Args:
        images: None = there is no picture, and its row is all NaN.
        extractors: the blocks.
    """
    there = [position for position, image in enumerate(images) if image is not None]
    pictures = [image for image in images if image is not None]
    rows, failed = {}, [""] * len(images)
    for extractor in extractors:
        made, reasons = compute(extractor, pictures) if pictures else (_no_rows(extractor), {})
        rows[extractor.name] = _spread(made, there, len(images))
        for position, reason in reasons.items():
            at = there[position]
            failed[at] = "; ".join(filter(None, [failed[at], f"{extractor.name}: {reason}"]))
    return table_of_rows(rows, extractors, pd.RangeIndex(len(images))), failed


def table_of_sides(
    fronts: Sequence[Image | None], backs: Sequence[Image | None], extractors: Sequence[Extractor]
) -> tuple[FeatureTable, list[str]]:
    """The same of n items, by the pictures of their sides."""
    front, failed_fronts = table_of(fronts, extractors)
    back, failed_backs = table_of(backs, extractors)
    both = [
        "; ".join(filter(None, [one, f"back: {other}" if other else ""]))
        for one, other in zip(failed_fronts, failed_backs, strict=True)
    ]
    return join_sides(front, back), both


def _no_rows(extractor: Extractor) -> Rows:
    values = np.empty((0, len(extractor.columns)), np.float32)
    return Rows(values, [] if isinstance(extractor, Annotator) else None)


def _spread(rows: Rows, there: Sequence[int], n: int) -> Rows:
    """The rows at their places among n, the others all NaN."""
    if len(there) == n:
        return rows
    values = np.full((n, rows.values.shape[1]), np.nan, rows.values.dtype)
    values[list(there)] = rows.values
    if rows.notes is None:
        return Rows(values, None)
    of = dict(zip(there, rows.notes, strict=True))
    return Rows(values, [of.get(position) for position in range(n)])
