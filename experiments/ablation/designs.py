"""Which blocks an ablation fits: alone, all but one, all subsets, column families; one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.experiments.evaluation.shapley import subsets
from coverfusion.experiments.pipeline.block_sets import units_of
from coverfusion.features.table import is_back, is_metadata

Units = tuple[str, ...]
DESIGNS = ("alone", "without", "metadata", "sides", "subsets", "families", "greedy")
METADATA, PICTURES = "metadata alone", "pictures alone"  # the design metadata
ONE_SIDE = "all against metadata or pictures alone"  # what it compares
NO_BACKS, NO_FRONTS = "backs left out", "fronts left out"  # the design sides
ALL_BUT_A_SIDE = "all against all but one side"  # what it compares
HALVES = {"metadata": ONE_SIDE, "sides": ALL_BUT_A_SIDE}  # designs of two sets of blocks


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
    for design in HALVES:
        if design in designs:
            wanted += list(halves(design, names).values())
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


def halves(design: str, names: Sequence[str]) -> dict[str, Units]:
    """The two sets of blocks of a design of `HALVES`, by what they are; none where one would be empty.

    Of metadata, they are all of it and all of pictures. Of sides, all but backs and all but fronts.
    """
    if design == "metadata":
        metadata = tuple(name for name in names if is_metadata(name))
        sets = {METADATA: metadata, PICTURES: tuple(name for name in names if name not in metadata)}
    else:
        backs = tuple(name for name in names if is_back(name))
        fronts = tuple(name for name in names if not is_back(name) and not is_metadata(name))
        if not backs or not fronts:
            return {}
        sets = {
            NO_BACKS: tuple(name for name in names if name not in backs),
            NO_FRONTS: tuple(name for name in names if name not in fronts),
        }
    return sets if all(sets.values()) else {}


def set_words(units: str, every: Sequence[str]) -> str:
    """A set of blocks as charts name it: "all 4 blocks", "all but cnn", a half of `HALVES`, or its blocks.

    One block that is all of metadata or all of pictures keeps its name before that of the half.

    Args:
        units: joined, as tables have them.
        every: the blocks of the largest set.
    """
    own = units.split("+")
    left_out = [name for name in every if name not in own]
    if len(own) + len(left_out) != len(every):
        return units
    if len(own) == 1:
        sides = halves("metadata", every)
        return next((f"{units} ({name})" for name, half in sides.items() if half == (units,)), units)
    if not left_out:
        return f"all {len(every)} blocks"
    named = {name: set(half) for design in HALVES for name, half in halves(design, every).items()}
    return next(
        (name for name, half in named.items() if half == set(own)),
        f"all but {left_out[0]}" if len(left_out) == 1 else units,
    )


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
