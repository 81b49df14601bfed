"""Which blocks an ablation fits: alone, all but one, all subsets, column families; one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.experiments.evaluation.shapley import subsets
from coverfusion.experiments.pipeline.block_sets import units_of
from coverfusion.features.table import is_metadata

Units = tuple[str, ...]
DESIGNS = ("alone", "without", "metadata", "subsets", "families", "greedy")
METADATA, PICTURES = "metadata alone", "pictures alone"  # the design metadata
ONE_SIDE = "all against metadata or pictures alone"  # what it compares


def check_designs(names: Sequence[str]) -> None:
    """Raises UserError for a design that does not exist."""
    for name in names:
        if name not in DESIGNS:
            raise UserError(f"--design {name}: say {', '.join(DESIGNS)}.{did_you_mean(name, DESIGNS)}")


def fitted_sets(designs: Sequence[str], blocks: Mapping[str, Sequence[str]]) -> list[Units]:
    """The sets of units that the designs fit, all blocks first, each once; `greedy` adds its own later.

    Args:
        designs: names out of `DESIGNS`.
        blocks: block -> its columns.
    """
    names = tuple(blocks)
    wanted = [names]
    if "alone" in designs:
        wanted += [(name,) for name in names]
    if "without" in designs:
        wanted += [without(names, name) for name in names if len(names) > 1]
    if "metadata" in designs:
        wanted += list(sides(names).values())
    if "subsets" in designs:
        wanted += subsets(names)[1:]
    if "families" in designs:
        for block, units in families_of(blocks).items():
            wanted += [(unit,) for unit in units]
            wanted += [without_family(names, block, units, unit) for unit in units]
    return list(dict.fromkeys(wanted))


def without(names: Sequence[str], left_out: str) -> Units:
    """All but one."""
    return tuple(name for name in names if name != left_out)


def sides(names: Sequence[str]) -> dict[str, Units]:
    """All blocks of metadata, and all of the picture; nothing where there are none of either."""
    metadata = tuple(name for name in names if is_metadata(name))
    pictures = tuple(name for name in names if not is_metadata(name))
    return {METADATA: metadata, PICTURES: pictures} if metadata and pictures else {}


def families_of(blocks: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Block -> its units, for the blocks that have more than one column family."""
    units = {block: units_of(block, columns) for block, columns in blocks.items()}
    return {block: parts for block, parts in units.items() if len(parts) > 1}


def without_family(names: Sequence[str], block: str, units: Sequence[str], left_out: str) -> Units:
    """All blocks, but one family of one block left out."""
    kept = [unit for unit in units if unit != left_out]
    return tuple(part for name in names for part in (kept if name == block else [name]))


def greedy_path(names: Sequence[str], score: Callable[[list[Units]], list[float]]) -> list[Units]:
    """Adds the block that helps most, again and again, until all are in.

    Args:
        names: the blocks.
        score: sets -> the score of each; called once a step with all candidates.

    Returns:
        One set a step, each keeping the order of `names`.
    """
    path: list[Units] = []
    chosen: set[str] = set()
    while len(chosen) < len(names):
        left = [name for name in names if name not in chosen]
        candidates = [tuple(name for name in names if name in {*chosen, new}) for new in left]
        scores = score(candidates)
        best = candidates[max(range(len(candidates)), key=lambda i: scores[i])]
        path.append(best)
        chosen = set(best)
    return path
