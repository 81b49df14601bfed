"""Which covers each fit learns from and is tested on, within a source and on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.plurals import how_many
from coverfusion.experiments.pipeline.cached_fits import Model, Part, all_blocks
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.parts import ALL_FOLDS, run_parts
from coverfusion.experiments.transfer.joined import in_both

TRANSFER = "transfer"  # the set of covers of another source that a fit is tested on
ALL_BLOCKS, ALONE, WITHOUT = "all blocks", "alone", "without"  # kinds of sets of blocks


@dataclass(frozen=True)
class TestedSource:
    """One source that is tested on.

    Attributes:
        name: of the source.
        part: whose fit is tested.
        leaked: covers of the source that share a group with training covers, and are left out.
        unknown: covers of genres that nothing was learnt of, and are left out.
    """

    name: str
    part: Part
    leaked: int
    unknown: int


@dataclass(frozen=True)
class Plan:
    """All fits.

    Attributes:
        parts: of the fits.
        within: name of the predicted set that tells how good models are within a source.
        tests: one a source that is tested on.
        paired: whether the covers within and those of the other source are the same ones.
    """

    parts: list[Part]
    within: str
    tests: list[TestedSource]
    paired: bool


def plan_two(covers: pd.DataFrame, names: Sequence[str], config: Config, folder: Path) -> Plan:
    """Learn from the first source, test on the second.

    Without folds the very model that is tested on the other source is scored on the test covers of its own.
    With folds one more model learns from all covers of the first.

    Args:
        covers: frame with `cover_id`, `genre`, `group` and `source`.
        names: of the two sources.
        config: with `folds` or without.
        folder: of the study.

    Raises:
        UserError: too few covers.
    """
    learnt = (covers["source"] == names[0]).to_numpy()
    first = covers[learnt]
    parts = run_parts(first, config, folder)
    if config.folds:
        whole = Part("all", first["cover_id"].tolist(), {})
        tested = _tested_source(names[1], whole, covers, learnt, ~learnt)
        return Plan([*parts, tested.part], ALL_FOLDS, [tested], paired=False)
    tested = _tested_source(names[1], parts[0], covers, learnt, ~learnt)
    return Plan([tested.part], "test", [tested], paired=False)


def plan_each(covers: pd.DataFrame, config: Config, folder: Path) -> Plan:
    """Each source once: learn from the others, test on it. Within: folds over all sources.

    Args:
        covers: frame with `cover_id`, `genre`, `group` and `source`.
        config: with `folds`.
        folder: of the study.

    Raises:
        UserError: one source alone, or too few covers.
    """
    names = sorted(covers["source"].unique())
    if len(names) < 2:
        raise UserError(f"All covers are of the source '{names[0]}'. Name a second collection.")
    tests = []
    for number, name in enumerate(names):
        held = (covers["source"] == name).to_numpy()
        part = Part(f"source-{number}", covers.loc[~held, "cover_id"].tolist(), {})
        tests.append(_tested_source(name, part, covers, ~held, held))
    parts = [*run_parts(covers, config, folder), *(tested.part for tested in tests)]
    return Plan(parts, ALL_FOLDS, tests, paired=True)


def _tested_source(
    name: str, part: Part, covers: pd.DataFrame, learnt: np.ndarray, held: np.ndarray
) -> TestedSource:
    leaked = in_both(covers, learnt) & held
    genres = set(covers.loc[covers["cover_id"].isin(part.train), "genre"])
    unknown = held & ~leaked & ~covers["genre"].isin(genres).to_numpy()
    ids = covers.loc[held & ~leaked & ~unknown, "cover_id"].tolist()
    if not held.any():
        raise UserError(
            f"All covers of the collection to test on, {name}, are copies of training covers: nothing can be "
            "tested. Name another one."
        )
    if not ids or len(genres) < 2:
        raise UserError(
            f"Nothing of the collection to test on, {name}, can be tested. Without copies of training covers "
            f"it has {how_many(int(held.sum()), 'cover')}; with a near duplicate or an artist among the "
            f"training covers: {int(leaked.sum()):,}. There is {how_many(len(genres), 'genre')} to learn. "
            "Name another collection, or add covers."
        )
    tested = Part(part.name, part.train, {**part.predicted, TRANSFER: ids})
    return TestedSource(name, tested, int(leaked.sum()), int(unknown.sum()))


def block_sets(classifier: str, blocks: Sequence[str]) -> dict[Model, list[tuple[str, str]]]:
    """Model -> (kind, block) pairs: on all blocks, on each alone, and on all but each.

    Args:
        classifier: a name.
        blocks: of the feature table.
    """
    every = all_blocks(classifier, blocks)
    found: dict[Model, list[tuple[str, str]]] = {Model(classifier, every): [(ALL_BLOCKS, "")]}
    if len(every) < 2 or any(":" in unit for unit in every):  # parts of one block are no blocks
        return found
    for block in every:
        found.setdefault(Model(classifier, (block,)), []).append((ALONE, block))
    for block in every:
        rest = tuple(other for other in every if other != block)
        found.setdefault(Model(classifier, rest), []).append((WITHOUT, block))
    return found
