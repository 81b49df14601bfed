"""The most typical covers of a genre, the most confident right and wrong ones, and pairs of mixed-up ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, hypergeom

from coverfusion.data.genre_sets import genre_names
from coverfusion.experiments.evaluation.intervals import Interval, grouped_proportion
from coverfusion.experiments.evaluation.statistics import holm
from coverfusion.experiments.genres.effects import SIGNIFICANCE_LEVEL
from coverfusion.experiments.genres.membership import of_genre
from coverfusion.experiments.pipeline.predicted_genres import several
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
        covers: indexed by cover_id, with `genre`, `group`, `path`; of several genres a cover also `genres`.
    """

    rows: np.ndarray
    covers: pd.DataFrame


@dataclass(frozen=True)
class Pair:
    """A cover wrongly called a genre, beside the nearest cover that is rightly called so."""

    cover_id: str
    probability: float
    other_id: str


@dataclass(frozen=True)
class Confused:
    """The genre that one is mixed up with most.

    Attributes:
        genre: the other genre.
        taken: covers of this genre that were called the other one and are not of it.
        among: covers of this genre that are not of the other one; where a cover has one genre, all.
        ends: the interval of the proportion of the former in the latter, counted in groups.
        surely: whether mistakes are of that genre significantly more often than of any other; None where a
            cover may have several genres, for each is then called by itself.
        given: covers of the other genre that were called this one and are not of it.
        pairs: examples of those taken.
    """

    genre: str
    taken: int
    among: int
    ends: Interval
    surely: bool | None
    given: int
    pairs: list[Pair]

    @property
    def share(self) -> float:
        """The proportion that was taken, 0 to 1."""
        return self.taken / self.among

    @property
    def doubt(self) -> str:
        """What must stand beside the genre where another may be as common; "" where none may."""
        return ", not significantly more than for another genre" if self.surely is False else ""


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
        One row a cover and genre of it, indexed by cover_id: `genre`, `proportion` of the nearest covers that
        are of it, 0 to 1, the mean `distance` to them, and `p`, how probable as many or more are by chance.
    """
    names = genre_names(space.covers)
    inside = np.column_stack([of_genre(space.covers, name) for name in names])
    groups = np.unique(space.covers["group"].to_numpy(), return_inverse=True)[1]
    crowd = min(int(np.bincount(groups).max()), nearest)
    distances, rows = nearest_rows(new_index(space.rows, "l2"), space.rows, 2 * nearest + crowd, "l2")
    having = [len(np.unique(groups[own])) for own in inside.T]  # groups with a cover of each genre
    found: list[list[Any]] = []
    for row, (far, near) in enumerate(zip(distances, rows, strict=True)):
        others = groups[near] != groups[row]
        near, far = near[others], far[others]
        first = np.sort(np.unique(groups[near], return_index=True)[1])[:nearest]
        for code in np.flatnonzero(inside[row]):
            values = 0.0, np.inf, 1.0
            if len(first):
                same = int(inside[near[first], code].sum())
                p = hypergeom.sf(same - 1, groups.max(), having[code] - 1, len(first))
                values = same / len(first), far[first].mean(), p
            found.append([space.covers.index[row], names[code], *values])
    columns = ["cover_id", "genre", "proportion", "distance", "p"]
    return pd.DataFrame(found, columns=columns).set_index("cover_id")


def most_typical(typical: pd.DataFrame, space: EmbeddingSpace, genre: str, most: int) -> list[str]:
    """The cover_ids of a genre with the largest proportion, equal ones by distance; one a group.

    Only those with more neighbours of the genre than chance explains, by Holm over the genre's covers, times
    the number of genres.
    """
    own = typical[typical["genre"] == genre]
    own = own[holm(own["p"].to_numpy()) * len(genre_names(space.covers)) < SIGNIFICANCE_LEVEL]
    ordered = own.sort_values(["proportion", "distance"], ascending=[False, True], kind="stable")
    return _one_a_group(ordered.index.tolist(), space)[:most]


def can_be_typical(space: EmbeddingSpace, genre: str) -> bool:
    """Whether `most_typical` can name a cover at all: one whose nearest covers are all of the genre."""
    own = of_genre(space.covers, genre)
    groups, having = space.covers["group"].nunique(), space.covers.loc[own, "group"].nunique()
    near = min(neighbours_for(groups), groups - 1)
    least = hypergeom.sf(min(near, having - 1) - 1, groups - 1, having - 1, near)
    return bool(least * own.sum() * len(genre_names(space.covers)) < SIGNIFICANCE_LEVEL)


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
        cover_ids: of this genre and called so; of this genre and not called so; not of it, but called so. The
        second have the most probable other genre first; where a cover may have several, the lowest
        probability of this one.
    """
    own, called = of_genre(predictions, genre), of_genre(predictions, genre, "predicted")
    if several(predictions):
        chance = predictions.get(f"p_{genre}", pd.Series(0.0, predictions.index))
        confidence = chance.where(called, 1 - chance)
    else:
        confidence = predictions.filter(regex="^p_").max(axis=1)
    order = np.argsort(-confidence.to_numpy(), kind="stable")
    right, missed, wrongly = (
        _one_a_group(predictions.index[order[chosen[order]]].tolist(), space)[:most]
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
        confusion: (k, k) covers, rows true genres, columns predicted ones; where a cover may have several
            genres, covers of one that were called another which they do not have.
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
    of_own = of_genre(predictions, genre)
    among = {name: int((of_own & ~of_genre(predictions, name)).sum()) for name in mistaken}
    other = max(mistaken, key=lambda name: mistaken[name] / among[name])
    of_other = of_genre(predictions, other)
    called = of_genre(predictions, other, "predicted")
    own = predictions[of_own & ~of_other]
    mistaken_for = of_genre(own, other, "predicted")
    wrong = own[mistaken_for]
    right = predictions.index[of_other & called].tolist()
    sure = wrong[f"p_{other}"].sort_values(ascending=False, kind="stable")
    shown = _one_a_group(sure.index.tolist(), space)[:pairs]
    beside = zip(shown, _nearest(shown, right, space), strict=False)
    return Confused(
        genre=str(other),
        taken=counts[other],
        among=len(own),
        ends=grouped_proportion(mistaken_for, space.covers.loc[own.index, "group"].to_numpy(), wider),
        surely=None if several(predictions) else _surely_most(own, space, other, genre, wider),
        given=int(confusion[genre][other]),
        pairs=[Pair(one, float(sure[one]), near) for one, near in beside],
    )


def _surely_most(own: pd.DataFrame, space: EmbeddingSpace, other: str, genre: str, wider: float) -> bool:
    """Whether a genre is mistaken for its commonest other one more often than for each further one.

    The commonest against the next, by the two-sided sign test: valid though both were chosen by their counts
    (W. Hung and W. Fithian, Rank Verification for Exponential Families, Annals of Statistics 47, 2019).
    """
    wrong = own[own["predicted"] != genre]
    groups = space.covers.loc[wrong.index, "group"]
    counts = groups.groupby(wrong["predicted"].to_numpy()).nunique()
    # folds share training covers, so that a mistake is worth less than one
    most, next_most = (
        round(count / wider**2)
        for count in (counts[other], counts.drop(other).max() if len(counts) > 1 else 0)
    )
    return bool(most and binomtest(most, most + next_most, 0.5).pvalue < SIGNIFICANCE_LEVEL)


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
