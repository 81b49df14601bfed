"""The order of groups by who they are: no row, no file name and no other group changes a group's draw.

A group has an identity: of covers the least `cover_id`. A hash of the seed, the purpose and the identity is
its draw. Within a genre the groups stand in the order of their draws, and each has a place in [0, 1). Splits,
folds and subsamples all cut these places. A group that comes or goes shifts the places of its genre by its
own share of it, so that others change sides only next to a cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.seeds import draws, seed_for

LARGE = 0.25  # proportion of a part's share of a genre; beside a cut a larger group would unbalance it


@dataclass(frozen=True)
class Groups:
    """Groups with their draws.

    Attributes:
        names: (groups,) identities.
        group: (n,) number of the group of each row.
        counts: (groups, genres) rows of each genre, genres by name.
        draw: (groups,) in [0, 1), independent of all other groups.
        shift: (genres,) in [-0.5, 0.5), of its places, in rows.
    """

    names: list[Any]
    group: np.ndarray
    counts: np.ndarray
    draw: np.ndarray
    shift: np.ndarray

    @property
    def genre(self) -> np.ndarray:
        """(groups,) number of the commonest genre; of equally common ones the first by name."""
        return self.counts.argmax(axis=1)

    @property
    def size(self) -> np.ndarray:
        """(groups,) rows."""
        return self.counts.sum(axis=1)

    def places(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """(groups,) in [0, 1): the share of the genre's rows that come before, and half its own.

        All are shifted by up to half a row: where a genre cannot be divided evenly, no part has more of it on
        average.

        Args:
            chosen: (groups,) bool, which there are; the place of another is NaN. None: all.
        """
        there = np.ones(len(self.names), bool) if chosen is None else chosen
        genre, size, place = self.genre, self.size, np.full(len(self.names), np.nan)
        for number, shift in enumerate(self.shift):
            mine = np.flatnonzero(there & (genre == number))
            mine = mine[np.argsort(self.draw[mine], kind="stable")]
            ends = size[mine].cumsum()
            place[mine] = (ends - size[mine] / 2 + shift) / ends[-1:]
        return place


def bare_ids(cover_ids: Iterable[str]) -> list[str]:
    """Cover ids without the genre that stands behind a colon where a cover is kept under several."""
    return [cover_id.partition(":")[0] for cover_id in cover_ids]


def least_covers(cover_ids: Iterable[str], groups: Any) -> np.ndarray:
    """(n,) the identity of each cover's group, its least bare `cover_id`, for (n,) ids and (n,) groups."""
    own = pd.Series(bare_ids(cover_ids), dtype=object)
    return own.groupby(np.asarray(groups)).transform("min").to_numpy(dtype=object)


def drawn_groups(genre: Any, identity: Any, seed: int, *purpose: object) -> Groups:
    """Groups and their draws.

    Args:
        genre: (n,) labels, or an (n, k) bool frame with a column a genre.
        identity: (n,) of the group of each row; equal: the same group.
        seed: other seeds give other draws.
        purpose: so do other purposes.
    """
    names, group = np.unique(np.asarray(identity), return_inverse=True)
    if isinstance(genre, pd.DataFrame):  # a row may have several
        genre = _with_pairs(genre)
        genres: list[Any] = list(genre.columns)
        rows, code = np.nonzero(genre.to_numpy())
    else:
        known, code = np.unique(np.asarray(genre), return_inverse=True)
        genres, rows = known.tolist(), np.arange(len(code))
    counts = np.zeros((len(names), len(genres)), np.int32)
    np.add.at(counts, (group[rows], code), 1)
    shift = draws(genres, seed, *purpose, "shift") - 0.5
    return Groups(names.tolist(), group, counts, draws(names.tolist(), seed, *purpose), shift)


def cut_places(
    genre: Any,
    identity: Any,
    shares: Sequence[float],
    complete: Collection[int],
    seed: int,
    *purpose: object,
) -> np.ndarray:
    """(n,) the part of each row: the places of each genre, cut in proportion to the shares.

    Groups that are large, or of several genres, go first: each draws its part out of those that have room for
    it. The others fill up what is left.

    Args:
        genre: (n,) labels, or an (n, k) bool frame with a column a genre: rows of several genres are then
            dealt out like groups of several (iterative stratification: Sechidis, Tsoumakas and Vlahavas,
            ECML 2011, here with whole groups).
        identity: (n,) of the group of each row; a group is never separated.
        shares: of the parts, in the order of the places; their sum is 1.
        complete: parts that hold every genre. Where a cut leaves one without, the smallest group that no
            other of these parts needs is moved there, if there is one.
        seed: other seeds give other parts.
        purpose: so do other purposes.
    """
    groups = drawn_groups(genre, identity, seed, *purpose)
    wanted = np.outer(shares, groups.counts.sum(axis=0))
    large = groups.size > LARGE * min(shares) * groups.counts.sum(axis=0)[groups.genre]
    first = (large & (groups.size > 1)) | ((groups.counts > 0).sum(axis=1) > 1)
    part = _drawn_parts(groups, first, wanted, np.asarray(shares), seed_for(seed, *purpose))
    held = np.stack([groups.counts[part == number].sum(axis=0) for number in range(len(shares))])
    place, own = groups.places(~first), groups.genre
    for number, left in enumerate(np.maximum(wanted - held, 0).T):
        mine = ~first & (own == number)
        ends = np.cumsum(left if left.any() else shares)
        part[mine] = np.searchsorted(ends[:-1] / ends[-1], place[mine], side="right")
    known = len(genre.columns) if isinstance(genre, pd.DataFrame) else len(groups.shift)
    return _completed(part, groups, len(shares), sorted(complete), known)[groups.group]


def one_of_each(groups: Any, seed: int, *purpose: object) -> np.ndarray:
    """(groups,) row numbers, one drawn from each group, in the order of the groups' draws.

    Args:
        groups: (n,) identities; rows of a group are told apart by their order.
        seed: other seeds draw other rows and orders.
        purpose: so do other purposes.
    """
    names, group, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    chosen = np.floor(draws(names.tolist(), seed, *purpose, "row") * sizes).astype(np.int64)
    rows = np.argsort(group, kind="stable")[np.cumsum(sizes) - sizes + chosen]
    return rows[np.argsort(draws(names.tolist(), seed, *purpose), kind="stable")]


def group_numbers(groups: Any) -> np.ndarray:
    """(n,) int64 for (n,) labels of groups: whole numbers stay, of other labels it is a hash.

    Unlike ranks they do not change with the other groups.
    """
    labels = np.asarray(groups)
    if labels.dtype.kind in "iu":
        return labels.astype(np.int64)
    names, group = np.unique(labels.astype(str), return_inverse=True)
    return np.array([seed_for(0, "group", name) for name in names.tolist()], np.int64)[group]


def _drawn_parts(
    groups: Groups, chosen: np.ndarray, wanted: np.ndarray, shares: np.ndarray, seed: int
) -> np.ndarray:
    """(groups,) parts that the chosen groups draw, the largest first; -1 of the others.

    A part is drawn with a chance of its share (an exponential race, which other groups do not change).

    Args:
        groups: all.
        chosen: (groups,) bool.
        wanted: (parts, genres) rows.
        shares: (parts,).
        seed: of the draws.
    """
    part = np.full(len(groups.names), -1)
    room = wanted.copy()
    rows, size = np.flatnonzero(chosen), groups.size
    for group in rows[np.lexsort((groups.draw[rows], -size[rows]))]:
        own = groups.counts[group] > 0
        left = ((room - groups.counts[group])[:, own] / wanted[:, own]).min(axis=1)
        race = -np.log1p(-draws(range(len(shares)), seed, groups.names[group])) / shares
        fits = left >= 0
        part[group] = np.where(fits, race, np.inf).argmin() if fits.any() else left.argmax()
        room[part[group]] -= groups.counts[group]
    return part


def _with_pairs(genre: pd.DataFrame) -> pd.DataFrame:
    """The genres, and each pair of them that rows have, so that parts have their share of pairs too.

    This is second-order iterative stratification: P. Szymański and T. Kajdanowicz, A Network Perspective on
    Stratification of Multi-Label Data, LIDTA 2017.
    """
    pairs = {(one, two): genre[one] & genre[two] for one, two in combinations(genre.columns, 2)}
    return pd.DataFrame(
        {name: genre[name] for name in genre}
        | {" + ".join(map(str, pair)): both for pair, both in pairs.items() if both.any()}
    )


def _completed(part: np.ndarray, groups: Groups, parts: int, complete: list[int], genres: int) -> np.ndarray:
    """(groups,) parts in which each of `complete` has a group of every genre, as far as there are any."""
    there = groups.counts[:, :genres] > 0
    having = np.stack([there[part == number].sum(axis=0) for number in range(parts)])  # groups of each genre
    needed = np.isin(np.arange(parts), complete)
    for number in complete:
        for genre in np.flatnonzero(having[number] == 0):
            own = np.flatnonzero(there[:, genre])
            # the last of a genre stays where its part must have one
            spare = ~needed[part[own]] | ((having[part[own]] > 1) | ~there[own]).all(axis=1)
            if spare.any():
                own = own[spare]
                moved = own[np.lexsort((groups.draw[own], groups.size[own]))[0]]
                having[part[moved]] -= there[moved]
                having[number] += there[moved]
                part[moved] = number
    return part
