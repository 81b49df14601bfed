"""The most typical covers of a genre, the most confident right and wrong ones, and pairs of mixed-up ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest, hypergeom

from coverfusion.experiments.evaluation.intervals import Interval, grouped_proportion
from coverfusion.experiments.evaluation.statistics import holm
from coverfusion.experiments.genres.effects import SIGNIFICANCE_LEVEL
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.similarity.vector_search import nearest_rows, new_index

FEWEST_NEIGHBOURS, MOST_NEIGHBOURS = 5, 25  # groups whose genres say how typical a cover is
GROUPS_PER_NEIGHBOUR = 10  # in a small collection fewer are near


@dataclass(frozen=True)
class EmbeddingSpace:
    """Covers as points, near where they look alike over all blocks, every block counting the same.

    Attributes:
        rows: (n, width) float32, by `covers`.
        covers: indexed by cover_id, with `genre`, `group`, `path`.
    """

    rows: np.ndarray
    covers: pd.DataFrame


@dataclass(frozen=True)
class Pair:
    """A cover taken for another genre, beside the nearest cover that is rightly called so."""

    cover_id: str
    probability: float
    other_id: str


@dataclass(frozen=True)
class Confused:
    """The genre that one is mixed up with most.

    Attributes:
        genre: the other genre.
        taken: covers of this genre that were called the other one; `share` of its covers.
        ends: the interval of that proportion, counted in groups.
        surely: whether mistakes are of that genre more often than an even choice among the others explains.
        given: covers of the other genre that were called this one.
        pairs: examples of the former.
    """

    genre: str
    taken: int
    share: float
    ends: Interval
    surely: bool
    given: int
    pairs: list[Pair]


def space_of(neighbours: TrainingIndex, table: FeatureTable, covers: pd.DataFrame) -> EmbeddingSpace:
    """All covers as the bundle's index of neighbours sees them."""
    X = table.rows(covers["cover_id"].tolist()).frame().reindex(columns=neighbours.columns)
    return EmbeddingSpace(neighbours.scaler.transform(X.to_numpy(np.float32)), covers.set_index("cover_id"))


def neighbours_for(groups: int) -> int:
    """How many neighbours say how typical a cover is, in a collection of so many groups."""
    return int(np.clip(groups // GROUPS_PER_NEIGHBOUR, FEWEST_NEIGHBOURS, MOST_NEIGHBOURS))


def typicality(space: EmbeddingSpace, nearest: int) -> pd.DataFrame:
    """How much the covers that look most like each one are of its genre, its own group left out.

    Of every other group the nearest cover counts. If looks said nothing of genre, those of the own genre
    among the nearest would be hypergeometric.

    Returns:
        Indexed by cover_id: `proportion` of the nearest covers that are of its genre, 0 to 1, the mean
        `distance` to them, and `p`, how probable as many or more of its genre are by chance.
    """
    genres = space.covers["genre"].to_numpy()
    groups = np.unique(space.covers["group"].to_numpy(), return_inverse=True)[1]
    crowd = min(int(np.bincount(groups).max()), nearest)
    distances, rows = nearest_rows(new_index(space.rows, "l2"), space.rows, 2 * nearest + crowd, "l2")
    of_genre = space.covers.groupby("genre")["group"].nunique()
    values = np.tile([0.0, np.inf, 1.0], (len(genres), 1))
    for row, (far, near) in enumerate(zip(distances, rows, strict=True)):
        others = groups[near] != groups[row]
        near, far = near[others], far[others]
        first = np.sort(np.unique(groups[near], return_index=True)[1])[:nearest]
        if not len(first):
            continue
        same = int((genres[near[first]] == genres[row]).sum())
        p = hypergeom.sf(same - 1, groups.max(), of_genre[genres[row]] - 1, len(first))
        values[row] = same / len(first), far[first].mean(), p
    return pd.DataFrame(values, index=space.covers.index, columns=["proportion", "distance", "p"])


def most_typical(typical: pd.DataFrame, space: EmbeddingSpace, genre: str, most: int) -> list[str]:
    """The cover_ids of a genre with the largest proportion, equal ones by distance; one a group.

    Only those with more neighbours of the genre than chance explains, by Holm over the genre's covers, times
    the number of genres.
    """
    own = typical[(space.covers["genre"] == genre).to_numpy()]
    own = own[holm(own["p"].to_numpy()) * space.covers["genre"].nunique() < SIGNIFICANCE_LEVEL]
    ordered = own.sort_values(["proportion", "distance"], ascending=[False, True], kind="stable")
    return _one_a_group(ordered.index.tolist(), space)[:most]


def most_confident(
    predictions: pd.DataFrame, space: EmbeddingSpace, genre: str, most: int
) -> tuple[list[str], list[str], list[str]]:
    """The covers the model was most confident of, one a group.

    Args:
        predictions: by cover_id `genre`, `predicted`, `p_<genre>`.
        space: all covers.
        genre: the one to describe.
        most: how many of each.

    Returns:
        cover_ids: of this genre and called so; of this genre and called another; of another, called this.
    """
    top = predictions.filter(regex="^p_").max(axis=1).sort_values(ascending=False, kind="stable").index
    ordered = predictions.loc[top]
    own, called = ordered["genre"] == genre, ordered["predicted"] == genre
    right, missed, wrongly = (
        _one_a_group(ordered.index[chosen].tolist(), space)[:most]
        for chosen in (own & called, own & ~called, ~own & called)
    )
    return right, missed, wrongly


def confused_with(
    confusion: pd.DataFrame,
    predictions: pd.DataFrame,
    space: EmbeddingSpace,
    genre: str,
    pairs: int,
    wider: float = 1.0,
) -> Confused | None:
    """The genre that this one's covers are most often taken for, with the most confident examples.

    Args:
        confusion: (k, k) covers, rows true genres, columns predicted ones.
        predictions: by cover_id `genre`, `predicted`, `p_<genre>`, of the same covers.
        space: all covers.
        genre: the one to describe.
        pairs: how many examples.
        wider: from `evaluation.statistics.widening`, where folds were pooled.

    Returns:
        None where no cover of the genre was taken for another.
    """
    if genre not in confusion.index:
        return None
    counts = dict(zip(confusion.columns.tolist(), confusion.T[genre].tolist(), strict=True))
    mistaken = {other: count for other, count in counts.items() if other != genre and count}
    if not mistaken:
        return None
    other = max(mistaken, key=lambda name: mistaken[name])
    own = predictions[predictions["genre"] == genre]
    wrong = own[own["predicted"] == other]
    right = predictions.index[(predictions["genre"] == other) & (predictions["predicted"] == other)].tolist()
    sure = wrong[f"p_{other}"].sort_values(ascending=False, kind="stable")
    shown = _one_a_group(sure.index.tolist(), space)[:pairs]
    beside = zip(shown, _nearest(shown, right, space), strict=False)
    return Confused(
        genre=str(other),
        taken=counts[other],
        share=counts[other] / sum(counts.values()),
        ends=grouped_proportion(
            (own["predicted"] == other).to_numpy(), space.covers.loc[own.index, "group"].to_numpy(), wider
        ),
        surely=_surely_most(own, space, len(counts) - 1, other, genre, wider),
        given=int(confusion[genre][other]),
        pairs=[Pair(one, float(sure[one]), near) for one, near in beside],
    )


def _surely_most(
    own: pd.DataFrame, space: EmbeddingSpace, others: int, other: str, genre: str, wider: float
) -> bool:
    """Whether one of `others` genres has more of a genre's mistakes than its even part, corrected for all."""
    if others < 2:
        return True
    wrong = own[own["predicted"] != genre]
    groups = space.covers.loc[wrong.index, "group"]
    mistakes = groups.nunique()
    taken = groups[(wrong["predicted"] == other).to_numpy()].nunique()
    fewer = wider**2  # folds share training covers, so that a mistake is worth less than one
    if not round(mistakes / fewer):
        return False
    test = binomtest(round(taken / fewer), round(mistakes / fewer), 1 / others, alternative="greater")
    return bool(others * test.pvalue < SIGNIFICANCE_LEVEL)


def _nearest(cover_ids: list[str], among: list[str], space: EmbeddingSpace) -> list[str]:
    """For each cover the nearest of `among`, if possible one that no earlier cover took."""
    if not cover_ids or not among:
        return []
    place = pd.Series(np.arange(len(space.covers)), index=space.covers.index)
    index = new_index(space.rows[place[among].to_numpy()], "l2")
    order = nearest_rows(index, space.rows[place[cover_ids].to_numpy()], len(cover_ids), "l2")[1]
    taken: list[int] = []
    for row in order:
        taken += [next((int(k) for k in row if k not in taken), int(row[0]))]
    return [among[k] for k in taken]


def _one_a_group(cover_ids: list[str], space: EmbeddingSpace) -> list[str]:
    group = space.covers.loc[cover_ids, "group"]
    return group.index[~group.duplicated()].tolist()
