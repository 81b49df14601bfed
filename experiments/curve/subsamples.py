"""Training sets of rising size: each within the next, stratified, groups whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError

MIN_COVERS_PER_GENRE = 10  # covers a genre, on average, in the smallest training set
MIN_STEPS = 5  # sizes at least


def draw_order(covers: pd.DataFrame, seed: int) -> list[list[str]]:
    """The groups of a training fold in an order whose every beginning has about the genres' proportions.

    Each genre's groups are shuffled and laid evenly over the whole order; the first group of each genre
    comes before all others, so that no beginning lacks a genre.

    Args:
        covers: frame with `cover_id`, `genre` and `group`; a group counts for its commonest genre.
        seed: other seeds give other orders.

    Returns:
        The cover ids of one group after another.
    """
    rng = np.random.default_rng(seed)
    grouped = covers.groupby("group", sort=True)
    groups = pd.DataFrame(
        {"genre": grouped["genre"].agg(lambda genres: genres.mode()[0]), "covers": grouped.size()}
    )
    groups = groups.iloc[rng.permutation(len(groups))]
    by_genre = groups.groupby("genre")["covers"]
    before = by_genre.cumsum() - groups["covers"]
    place = (before + groups["covers"] / 2) / by_genre.transform("sum")
    order = groups.assign(place=place.where(before > 0, 0.0)).sort_values("place", kind="stable").index
    ids = grouped["cover_id"].agg(list)
    return [ids[group] for group in order]


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
            f"Add covers, or take more --folds."
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
