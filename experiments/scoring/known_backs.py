"""Backs of pictures to be scored, for models that have learnt from both sides."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePath

from PIL.Image import Image

from coverfusion.data.addresses import place
from coverfusion.data.errors import UserError
from coverfusion.data.pictures import PictureError
from coverfusion.data.sides import BACK, FRONT, Item, Side, check_sides, items_of, sides_of_manifest
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.pipeline.console import console
from coverfusion.features.extract import read_decoded
from coverfusion.features.registry import Extractor
from coverfusion.features.sides import table_of, table_of_sides
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.bundle import Bundle

Backs = Mapping[str, str]  # path of an item -> that of its back; the same where it has no front
ReadPicture = tuple[str, str, Image | PictureError | None]  # cover_id, path, picture or why there is none
WITHOUT_BACKS = (
    "The model has learnt from backs too. Here each picture is a front without a back: expect less than its "
    "figures and guarantees say."
)
WITHOUT_BACK = (
    "The model has learnt from backs too. Here is a front without a back: expect less than its figures and "
    "guarantees say."
)
WITHOUT_FRONT = (
    "The front cannot be read, so the back alone counts: expect less than the model's figures and guarantees "
    "say."
)
PAIRING = "`--pair '*_front.*,*_back.*'` pairs files by their names, and a manifest by `release` and `side`."
NO_PICTURE: ReadPicture = ("", "", None)


@dataclass(frozen=True)
class SidesTable:
    """What was measured of n items.

    Attributes:
        good: positions of those that have a picture which can be read, in order.
        table: of these; None where there are none.
        failed: for each of the n, blocks that failed, and a side that cannot be read; "" for none.
        errors: for each of the n, why it has no picture; "" where it has one.
    """

    good: list[int]
    table: FeatureTable | None
    failed: list[str]
    errors: list[str]


def sides_table(
    fronts: Sequence[ReadPicture], backs: Sequence[ReadPicture] | None, extractors: Sequence[Extractor]
) -> SidesTable:
    """Measures n items; one whose front cannot be read goes by its back.

    Args:
        fronts: of the n items.
        backs: of the same; None: nothing is known of any.
        extractors: the blocks.
    """
    behind = [NO_PICTURE] * len(fronts) if backs is None else backs
    both = list(zip(fronts, behind, strict=True))
    good = [i for i, sides in enumerate(both) if any(isinstance(got, Image) for _, _, got in sides)]
    readable, failed, errors = set(good), [""] * len(both), [""] * len(both)
    for i, sides in enumerate(both):
        said = {side: got for side, (_, _, got) in zip((FRONT, BACK), sides, strict=True)}
        reasons = {side: str(got) for side, got in said.items() if isinstance(got, PictureError)}
        if i in readable:
            failed[i] = "; ".join(f"{side}: {reason}" for side, reason in reasons.items())
        else:
            errors[i] = next(iter(reasons.values()), "no picture")
    if not good:
        return SidesTable(good, None, failed, errors)
    images = [[got if isinstance(got, Image) else None for _, _, got in both[i]] for i in good]
    ours = [front for front, _ in images]
    if backs is None:
        table, blocks_failed = table_of(ours, extractors)
    else:
        table, blocks_failed = table_of_sides(ours, [back for _, back in images], extractors)
    for i, reason in zip(good, blocks_failed, strict=True):
        failed[i] = "; ".join(filter(None, [failed[i], reason]))
    return SidesTable(good, table, failed, errors)


def read_sides(
    chunk: Sequence[ReadPicture], backs: Backs | None
) -> tuple[Sequence[ReadPicture], list[ReadPicture] | None]:
    """The fronts and the backs of items whose own pictures are read; None where no backs are known of."""
    if backs is None:
        return chunk, None
    own = [backs.get(path) == path for _, path, _ in chunk]  # the back itself
    fronts = [(i, path, None if alone else got) for (i, path, got), alone in zip(chunk, own, strict=True)]
    asked = [backs.get(path, "") for _, path, _ in chunk]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = pool.map(lambda path: read_decoded("", path, read_bytes) if path else NO_PICTURE, asked)
        return fronts, list(read)


def digest_of(backs: Backs) -> str:
    """Of all pairs."""
    return hashlib.sha256(repr(sorted(backs.items())).encode()).hexdigest()[:16]


def say_without_backs(bundle: Bundle, given: bool = False, advice: str = "") -> None:
    """Prints that pictures are taken for fronts where a model of both sides is given no backs.

    Args:
        bundle: the model.
        given: whether it is given backs.
        advice: how they are given.
    """
    if bundle.two_sided and not given:
        console.print(f"{WITHOUT_BACKS} {advice}".rstrip(), style="yellow", highlight=False)


def check_backs(bundle: Bundle, given: bool) -> None:
    """Raises UserError where backs are given to a model that has not learnt from any."""
    if given and not bundle.two_sided:
        raise UserError(
            "This model has not learnt from backs. Leave them out, or train one with `sides: fused`."
        )


def paired_by_manifest(manifest: str, paths: Sequence[str]) -> list[Item] | None:
    """One item a release; None where the manifest does not tell sides.

    Args:
        manifest: a CSV or parquet file.
        paths: of its rows, as `data.sources.pictures_of_manifest` gives them.

    Raises:
        UserError: as `check_sides`.
    """
    rows = sides_of_manifest(place(manifest))
    if rows is None:
        return None
    check_sides(place(manifest), rows, paths)
    return items_of(paths, rows)


def paired_by_name(pattern: str, paths: Iterable[str]) -> list[Item]:
    """Pairs files of one folder by their names.

    Args:
        pattern: two patterns, of fronts and of backs, such as `*_front.*,*_back.*`. The first `*` stands for
            what both names share, others for anything. Capitals do not matter.
        paths: the pictures; one that fits neither pattern is a front on its own.

    Raises:
        UserError: the pattern is none, or a picture has two fronts or backs.
    """
    front, back = _patterns(pattern)
    listed, rows, first = list(paths), [], dict[Side, str]()
    for path in listed:
        folder, name = os.path.split(path.replace("!", "/"))
        found = back.fullmatch(name) or front.fullmatch(name)
        side = BACK if back.fullmatch(name) else FRONT
        row = Side(str(PurePath(folder) / found[1].lower()) if found else "", side)
        if row.release and first.setdefault(row, path) != path:
            raise UserError(f"--pair {pattern}: {first[row]} and {path} are both {side}s of one item.")
        rows.append(row)
    return items_of(listed, rows)


def _patterns(pattern: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    parts = [part.strip() for part in pattern.split(",")]
    if len(parts) != 2 or parts[0] == parts[1] or not all("*" in part for part in parts):
        raise UserError(
            f"--pair {pattern}: say how fronts and backs are named, such as '*_front.*,*_back.*'. The first "
            f"* is what both names share."
        )
    made = []
    for part in parts:
        shared, *rest = map(re.escape, part.split("*"))
        made.append(re.compile(f"{shared}(.+?){'.*'.join(rest)}", re.IGNORECASE | re.DOTALL))
    return made[0], made[1]


def backs_of(items: Iterable[Item]) -> dict[str, str]:
    """Path of an item -> that of its back."""
    return {item.path: item.back for item in items if item.back}
