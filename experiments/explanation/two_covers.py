"""What tells two covers apart for a model: one genre's score of each, taken apart by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from PIL.Image import Image

from coverfusion.experiments.explanation.blocks import contributions_to
from coverfusion.experiments.explanation.explain import measure
from coverfusion.features.registry import Extractor
from coverfusion.features.sides import meanings_of
from coverfusion.fusion.bundle import Bundle


@dataclass(frozen=True)
class TwoCovers:
    """Two covers and one genre; scores and contributions are in `unit`, as of `blocks.Contributions`.

    Attributes:
        genre: whose score is taken apart.
        unit: of scores and contributions.
        scores: of the first and the second cover.
        blocks: `block`, `first`, `second` (contributions) and `difference` (first less second), the largest
            difference either way first. The differences add up to that of the scores.
        columns: `first` and `second` (values) and `meaning`, indexed by `block.column`: all columns that the
            extractors explain.
    """

    genre: str
    unit: str
    scores: tuple[float, float]
    blocks: pd.DataFrame
    columns: pd.DataFrame


def compare_two(
    bundle: Bundle, extractors: Sequence[Extractor], images: Sequence[Image], genre: str
) -> TwoCovers:
    """Takes one genre's score of two covers apart.

    Args:
        bundle: the fitted model.
        extractors: the bundle's own.
        images: two RGB pictures.
        genre: one of the bundle's classes.
    """
    rows = [measure(extractors, image)[0] for image in images]
    one, other = (contributions_to(bundle, row, genre, blocks_alone=True) for row in rows)
    blocks = pd.DataFrame({"first": one.blocks, "second": other.blocks}).rename_axis("block").reset_index()
    blocks["difference"] = blocks["first"] - blocks["second"]
    known = {name: text for name, text in meanings_of(extractors).items() if name in rows[0]}
    columns = pd.DataFrame(
        {"first": rows[0][list(known)].iloc[0], "second": rows[1][list(known)].iloc[0], "meaning": known}
    )
    return TwoCovers(
        genre,
        one.unit,
        (one.score, other.score),
        blocks.sort_values("difference", key=abs, ascending=False, ignore_index=True),
        columns,
    )
