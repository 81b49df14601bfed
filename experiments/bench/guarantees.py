"""Do sets of genres and thresholds keep what they guarantee, within each genre? On simulated covers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from coverfusion.experiments.bench.simulated_covers import PLANTED, planted_genres
from coverfusion.experiments.decision.held_out import HeldOut
from coverfusion.experiments.decision.tables import sets_by_genre_table
from coverfusion.fusion.uncertainty.decision import (
    BY_GENRE,
    KINDS,
    MARGINAL,
    Rule,
    Targets,
    make_rule,
    one_a_group,
)

NEW_OF_EACH = 2000  # new covers of each genre that rules are judged on
TARGET_ERROR, SET_COVERAGE = 0.2, 0.9
NAMES = [f"the genre of {proportion:g}" for proportion in PLANTED]
# how a row of the bench begins; the first of each is claimed, the second is what claims nothing by genre
SET_CLAIMS = {BY_GENRE: "sets by genre hold", MARGINAL: "before: marginal sets hold"}
ERROR_CLAIMS = {
    BY_GENRE: "thresholds by genre break 20 %",
    MARGINAL: "before: one threshold breaks 20 %",
}


def guarantees(groups: int, size: int = 1) -> Callable[[np.random.Generator], Mapping[str, float]]:
    """Rules learnt from held-out covers of five genres, from half of all covers to one in fifty.

    Args:
        groups: of held-out covers; as many are there to try the sets on, as `decide` does.
        size: covers in each.
    """

    def simulate(rng: np.random.Generator) -> dict[str, float]:
        learnt, tried = (
            planted_genres(rng, rng.choice(len(PLANTED), groups, p=PLANTED), size) for _ in range(2)
        )
        new, truth, _ = planted_genres(rng, np.repeat(np.arange(len(PLANTED)), NEW_OF_EACH))
        weights = PLANTED[truth] / NEW_OF_EACH
        rows = one_a_group(learnt[2])
        found: dict[str, float] = {}
        for kind in KINDS:
            targets = Targets(error=TARGET_ERROR, set_coverage=SET_COVERAGE, sets=kind, thresholds=kind)
            rule = make_rule(learnt[0][rows], learnt[1][rows], targets)
            held, named = _sets(rule, new, truth)
            found |= {f"{SET_CLAIMS[kind]}: {name}": held[code] for code, name in enumerate(NAMES)}
            found[f"{'marginal sets hold' if kind == MARGINAL else SET_CLAIMS[kind]}: all"] = PLANTED @ held
            found[f"genres in a set, {kind.replace('-', ' ')}"] = weights @ named
            found |= _broken(rule, new, truth, weights, kind)
            found |= _intervals(learnt, tried, kind, held)
        return found

    return simulate


def _sets(rule: Rule, new: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k,) proportions of each genre's new covers whose sets hold it, and (n,) genres in a set."""
    sets = rule.sets(new)
    holds = sets[np.arange(len(truth)), truth]
    return np.bincount(truth, weights=holds) / np.bincount(truth), sets.sum(axis=1)


def _broken(
    rule: Rule, new: np.ndarray, truth: np.ndarray, weights: np.ndarray, kind: str
) -> dict[str, float]:
    """Whether more than the target is wrong among the answered covers predicted as each genre."""
    predicted, answered = new.argmax(axis=1), ~rule.abstains(new)

    def breaks(among: np.ndarray) -> float:
        given = weights * (among & answered)
        return float(bool(given @ (predicted != truth) > TARGET_ERROR * given.sum()))

    found = {
        f"{ERROR_CLAIMS[kind]}: predicted as {name}": breaks(predicted == code)
        for code, name in enumerate(NAMES)
    }
    claim = "one threshold breaks 20 %" if kind == MARGINAL else ERROR_CLAIMS[kind]
    found[f"{claim}: all"] = breaks(np.ones(len(new), bool))
    return found | {f"covers answered, thresholds {kind.replace('-', ' ')}": float(weights @ answered)}


def _intervals(
    learnt: tuple[np.ndarray, ...], tried: tuple[np.ndarray, ...], kind: str, true: np.ndarray
) -> dict[str, float]:
    """Whether the intervals that `decide` prints hold the coverage of each genre's sets."""
    count, groups = len(learnt[1]), np.concatenate([learnt[2], tried[2] + learnt[2].max() + 1])
    parts = [(np.arange(count), np.arange(count, 2 * count))]
    proba, y = (np.concatenate(both) for both in zip(learnt[:2], tried[:2], strict=True))
    table = sets_by_genre_table(HeldOut(NAMES, proba, y, groups, parts))
    table = table[(table["sets"] == kind) & (table["guarantee"] == SET_COVERAGE)].set_index("genre")
    name_of = kind.replace("-", " ")
    return {
        f"at least: coverage of {name}, sets {name_of}": float(
            bool(table["coverage_low"][name] <= true[code] <= table["coverage_high"][name])
        )
        for code, name in enumerate(NAMES)
        if name in table.index
    }
