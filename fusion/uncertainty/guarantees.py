"""What thresholds and sets come to, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from coverfusion.fusion.uncertainty.conformal import rows_needed
from coverfusion.fusion.uncertainty.decision import BY_GENRE, Decision, Targets, kind_of_sets, rule_of


def guarantee(decision: Decision | None, targets: Targets, classes: Sequence[Any]) -> str:
    """In words: what a target error or coverage comes to, and which genres are in every set; else "".

    Args:
        decision: held-out covers; None, as in bundles without them: nothing is said.
        targets: what is wished.
        classes: genres, in the order of the probabilities.
    """
    if decision is None:
        return ""
    return " ".join(filter(None, [_answers(decision, targets, classes), _always(decision, targets, classes)]))


def _answers(decision: Decision, targets: Targets, classes: Sequence[Any]) -> str:
    """What the rule for a target error or coverage does, and on how much that rests."""
    if not targets.in_force:
        return ""
    proba, y = decision.held_out
    rule = rule_of(decision, targets)
    answered = ~rule.abstains(proba)
    covers = f"{len(y):,} different held-out covers"
    if not answered.any():
        return (
            f"At most {100 * (targets.error or 0):g} % wrong cannot be guaranteed from {covers}: no cover is "
            f"answered. Allow more errors, or train on more covers."
        )
    wrong = (proba.argmax(axis=1) != y)[answered]
    set_by = f"of {covers}, which set the threshold{'s' if targets.thresholds == BY_GENRE else ''},"
    seen = f"{set_by} {100 * answered.mean():.0f} % are answered, {100 * wrong.mean():.0f} % of them wrong"
    if targets.error is None:
        return f"Answers the most confident: {seen}."
    if targets.thresholds != BY_GENRE:
        return f"At most {100 * targets.error:g} % wrong among those answered, with 90 % confidence: {seen}."
    never = [str(genre) for genre, at in zip(classes, rule.thresholds, strict=True) if at == np.inf]
    return (
        f"At most {100 * targets.error:g} % wrong among those answered as each genre, for each with 90 % "
        f"confidence: {seen}."
        + (f" Never answered, since nothing is known to keep it: {', '.join(never)}." if never else "")
    )


def _always(decision: Decision, targets: Targets, classes: Sequence[Any]) -> str:
    """Which genres have too few held-out covers for sets that leave them out."""
    needed = rows_needed(targets.set_coverage)
    y = decision.held_out[1]
    if kind_of_sets(decision, targets) != BY_GENRE:
        if len(y) >= needed:
            return ""
        return f"{len(y)} held-out covers are too few for sets ({needed} are needed): every genre is in each."
    own = {str(genre): int((y == code).sum()) for code, genre in enumerate(classes)}
    few = [f"{genre} ({covers})" for genre, covers in own.items() if covers < needed]
    if not few:
        return ""
    return (
        f"{needed} held-out covers of a genre are needed before a set can leave it out; too few have: "
        f"{', '.join(few)}. Train on more covers, or take --sets marginal, which guarantees nothing for "
        f"single genres."
    )
