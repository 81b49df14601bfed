"""What is said about a cover besides its most probable genre: no prediction, a set of genres, a warning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import pandas as pd

from coverfusion.fusion.bundle import Bundle
from coverfusion.fusion.uncertainty.decision import BY_GENRE, NO_TARGETS, Targets, kind_of_sets, rule_of
from coverfusion.fusion.uncertainty.novelty import looks_new, nearest_distances

NO_ANSWER = "No prediction: the model is not sure enough. The genre named here is its best guess."
NO_GUARANTEE = "No prediction: the target guarantees something only for covers like the training covers."
UNDECIDED = "Undecided"  # of a set of all genres
OF_ITS_GENRES = "of-its-genres"  # what sets hold of a cover that may have several
OUT_OF_DISTRIBUTION = (
    "Out of distribution: next to no training cover looks like this picture, so the genre named here means "
    "little, and sets of genres guarantee nothing of it."
)


@dataclass(frozen=True)
class Verdict:
    """What a bundle says about one cover; None where it cannot say.

    Attributes:
        abstain: the model would rather not answer, or cannot keep its guarantee of this picture.
        genre_set: genres among which the true one is as often as `set_coverage` says, the most probable
            first.
        set_coverage: a proportion, 0 to 1.
        out_of_distribution: the picture looks like no training cover.
        note: what readers must know about the training collection, or "".
        known_genres: how many genres the model knows.
        called: the genres that a cover is called which may have several, the most probable first.
        thresholds: of such a model, genre -> the probability from which on a cover is called so; a genre that
            no cover is called has none.
        reached: whether the cover reaches any; where it does not it is called the genre that comes nearest.
        sets: what `set_coverage` is of: the covers of each genre ("by-genre"), or all ("marginal"); of a
            model of several genres the genres of a cover ("of-its-genres").
    """

    abstain: bool | None = None
    genre_set: list[str] | None = None
    set_coverage: float | None = None
    out_of_distribution: bool | None = None
    note: str = ""
    sets: str | None = None
    known_genres: int | None = None
    called: list[str] | None = None
    thresholds: dict[str, float] | None = None
    reached: bool | None = None

    def without_set(self) -> Self:
        """Of a cover that the model has learnt from: its set guarantees nothing."""
        return replace(self, genre_set=None, set_coverage=None, sets=None)

    def in_words(self) -> list[str]:
        """One sentence or two for each thing that there is to say, warnings first."""
        sentences = [OUT_OF_DISTRIBUTION] if self.out_of_distribution else []
        if self.abstain:
            sentences.append(NO_GUARANTEE if self.out_of_distribution else NO_ANSWER)
        if self.called:
            sentences.append(called_in_words(self.called, bool(self.reached)))
        if self.genre_set and self.set_coverage is not None:
            every = self.known_genres == len(self.genre_set)
            coverage = None if self.out_of_distribution else self.set_coverage
            sentences.append(set_in_words(self.genre_set, coverage, self.sets, every))
        return [*sentences, self.note] if self.note else sentences


def called_in_words(genres: Sequence[str], reached: bool) -> str:
    """The genres that a cover is called which may have several; `reached`: their thresholds are."""
    if reached and len(genres) > 1:
        return f"Called {', '.join(genres)}: their probabilities reach the genres' thresholds."
    if reached:
        return f"Called {', '.join(genres)}: its probability reaches the genre's threshold."
    return f"Called {', '.join(genres)}: no genre reaches its threshold, and this one comes nearest."


def set_in_words(genres: Sequence[str], coverage: float | None, sets: str | None, every: bool = False) -> str:
    """A set of genres and what it guarantees, as of `set_guarantee`.

    Args:
        genres: of the set.
        coverage: a proportion, 0 to 1; None where nothing is guaranteed of the picture.
        sets: what `coverage` is of.
        every: the set has all genres.
    """
    if every and sets == OF_ITS_GENRES:
        return "Its set holds all genres, so that it rules none out."
    if every:  # then it says nothing, and guarantees nothing
        return f"{UNDECIDED}: no genre can be ruled out."
    among = "Among" if sets == OF_ITS_GENRES else "One of"
    named = f"{'Only' if len(genres) == 1 else among}: {', '.join(genres)}"
    holds = "nothing is guaranteed" if coverage is None else f"such sets hold {set_guarantee(coverage, sets)}"
    return f"{named} ({holds})."


def set_guarantee(coverage: float, sets: str | None) -> str:
    """What sets hold: a proportion (0 to 1) of the covers of each genre ("by-genre"), or of all covers."""
    if sets == OF_ITS_GENRES:
        return f"{100 * coverage:g} % of a cover's genres on average"
    covers = "each genre's covers" if sets == BY_GENRE else "covers"
    return f"the true genre of {100 * coverage:g} % of {covers}"


def verdict_on(bundle: Bundle, row: pd.DataFrame, targets: Targets = NO_TARGETS) -> Verdict:
    """The verdict on one cover.

    Args:
        bundle: the fitted model.
        row: the cover's features, columns `block.column`.
        targets: when to abstain, and what the set guarantees.
    """
    out_of_distribution = None
    if bundle.novelty is not None:
        nearest = [] if bundle.neighbours is None else nearest_distances(bundle.neighbours, row)
        out_of_distribution = bool(looks_new(bundle.novelty, row, nearest)[0])
    note = note_of(bundle)
    if bundle.several is not None:
        proba = bundle.predict_proba(row)
        return Verdict(
            genre_set=[
                str(genre) for genre in bundle.several.sets(proba, targets.set_coverage, bundle.classes)[0]
            ],
            set_coverage=targets.set_coverage,
            sets=OF_ITS_GENRES,
            known_genres=len(bundle.classes),
            out_of_distribution=out_of_distribution,
            note=note,
            called=[str(genre) for genre in bundle.several.named(proba, bundle.classes)[0]],
            thresholds=genre_thresholds(bundle),
            reached=bool((proba[0] >= bundle.several.thresholds).any()),
        )
    if bundle.decision is None:
        return Verdict(out_of_distribution=out_of_distribution, note=note)
    proba = bundle.decision.answering(bundle.predict_proba(row))
    rule = rule_of(bundle.decision, targets)
    return Verdict(
        abstain=bool(rule.abstains(proba)[0]) or (targets.in_force and bool(out_of_distribution)),
        genre_set=[str(genre) for genre in rule.genre_sets(proba, bundle.classes)[0]],
        set_coverage=targets.set_coverage,
        sets=kind_of_sets(bundle.decision, targets),
        known_genres=len(bundle.classes),
        out_of_distribution=out_of_distribution,
        note=note,
    )


def genre_thresholds(bundle: Bundle) -> dict[str, float]:
    """Genre -> the probability from which on a cover is called so, of a bundle of several genres a cover.

    A genre that no cover is called has none; nor has any of a bundle of one genre a cover.
    """
    if bundle.several is None:
        return {}
    own = zip(bundle.classes, bundle.several.thresholds, strict=True)
    return {str(genre): float(at) for genre, at in own if at <= 1}


def note_of(bundle: Bundle) -> str:
    """What readers must know about the collection that a bundle was trained on, or ""."""
    return str(bundle.extra.get("note", ""))
