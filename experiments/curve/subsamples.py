"""Training sets of rising size: each within the next, stratified, groups whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.identity_order import drawn_groups, least_covers
from coverfusion.experiments.curve.power_law import MIN_SIZE_RATIO

MIN_COVERS_PER_GENRE = 10  # covers a genre, on average, in the smallest training set
MIN_STEPS = 5  # sizes at least


def draw_order(covers: pd.DataFrame, seed: int) -> list[list[str]]:
    """The groups of a training fold in an order whose every beginning has about the genres' proportions.

    Each genre's groups are laid evenly over the whole order by their places (`data.identity_order`); the
    first group of each genre comes before all others, so that no beginning lacks a genre. The order hangs on
    who the covers are, so a cover that comes or goes leaves the others where they were, but for its own room.

    Args:
        covers: frame with `cover_id`, `genre` and `group`; a group counts for its commonest genre.
        seed: other seeds give other orders.

    Returns:
        The cover ids of one group after another.
    """
    identity = least_covers(covers["cover_id"], covers["group"])
    groups = drawn_groups(covers["genre"], identity, seed, "subsamples")
    place = pd.Series(groups.places())
    place[place.groupby(groups.genre).idxmin()] -= 1
    ids = covers.groupby(identity, sort=True)["cover_id"].agg(list).tolist()  # in the order of the names
    return [ids[group] for group in np.argsort(place.to_numpy(), kind="stable")]


def nested_subsamples(covers: pd.DataFrame, sizes: Sequence[int], seed: int) -> dict[int, list[str]]:
    """Training sets of rising size, each within the next; groups stay whole.

    Args:
        covers: of one training fold, as for `draw_order`.
        sizes: covers each set may have at most; all are taken where `covers` has no more than that.
        seed: of the draw.

    Returns:
        size -> cover ids, in the order of `covers`.
    """
    order = draw_order(covers, seed)
    total = np.cumsum([len(ids) for ids in order])
    chosen = {}
    for size in sorted(sizes):
        count = int(np.searchsorted(total, size, side="right"))
        taken = {cover for ids in order[:count] for cover in ids}
        chosen[size] = [cover for cover in covers["cover_id"] if cover in taken]
    return chosen


def check_sizes(sizes: Sequence[int], largest: int, genres: int) -> list[int]:
    """The wished sizes, or geometric steps: halves of the largest down to ten covers a genre.

    Args:
        sizes: as asked; none: the steps.
        largest: training covers of the smallest training fold.
        genres: how many there are.

    Raises:
        UserError: too few covers for any curve; a size that is larger than `largest`, has fewer than ten
            covers a genre, or is the only one.
    """
    smallest = MIN_COVERS_PER_GENRE * genres
    if largest <= smallest:
        raise UserError(
            f"A learning curve of {genres} genres starts with {smallest} training covers "
            f"({MIN_COVERS_PER_GENRE} a genre), and a training fold has only {largest}. "
            f"Add covers: a forecast takes {MIN_SIZE_RATIO * smallest:.0f} training covers or more."
        )
    if len(set(sizes)) == 1:
        raise UserError(f"--sizes {sizes[0]}: one size is no curve; name two or more, or none.")
    for size in sizes:
        if size > largest:
            raise UserError(f"--sizes {size}: a training fold has only {largest} covers.")
        if size < smallest:
            raise UserError(
                f"--sizes {size}: too few for {genres} genres; take {smallest} or more "
                f"({MIN_COVERS_PER_GENRE} a genre)."
            )
    if sizes:
        return sorted(set(sizes))
    halves = [round(largest / 2**step) for step in range(64) if largest / 2**step >= smallest]
    even = np.geomspace(smallest, largest, MIN_STEPS).round().astype(int).tolist()
    return sorted(set(halves if len(halves) >= MIN_STEPS else even))
