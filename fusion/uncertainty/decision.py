"""What to do with probabilities: calibrate them, answer or abstain, name a set.

All of it is learnt from held-out covers that the classifier was not fitted on. They are kept as they are, so
that a target can be chosen when covers are scored.

    decision.json       where the held-out covers come from, the calibration, the kind of sets
    held_out.parquet    their probabilities, true class codes and groups

What is guaranteed. Thresholds and sets use the classifier's own probabilities, which nothing was fitted on;
of covers that belong together one counts (R. Dunn, L. Wasserman and A. Ramdas, Distribution-Free Prediction
Sets for Two-Layer Hierarchical Models, JASA 2023). The model must have been chosen among others by other
covers than these. For covers that come from where the held-out ones came from, the guarantees then hold as
stated in `fusion.uncertainty.abstention` and `fusion.uncertainty.conformal`, but for two things. With folds
each held-out cover was predicted by a model of its fold, while the bundle's is fitted on all covers. Where
the calibration may change the answer (vector scaling), thresholds and sets use held-out probabilities that
are calibrated by other held-out covers. As with other cross-conformal methods (R. F. Barber et al.,
Predictive Inference with the Jackknife+, 2021) both hold closely but not exactly.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.identity_order import group_numbers, one_of_each
from coverfusion.fusion.grouped_folds import inner_folds
from coverfusion.fusion.uncertainty.abstention import (
    threshold_for_coverage,
    threshold_for_error,
    thresholds_by_class,
)
from coverfusion.fusion.uncertainty.calibration import Calibration, choose_calibration, cross_calibrated
from coverfusion.fusion.uncertainty.conformal import (
    prediction_sets,
    set_limit,
    set_limits_by_class,
)

MARGINAL, BY_GENRE = "marginal", "by-genre"  # what a guarantee is over: all covers, or those of each genre
KINDS = (MARGINAL, BY_GENRE)
# 3,483 real covers of five genres, sets of 90 %: equally common genres cost nothing (2.8 genres a set either
# way), while marginal sets hold 85 to 93 % of a genre; with genres of 0.5 to 0.02 they hold none of the
# rarest, and sets by genre have 3.0 genres instead of 1.9
DEFAULT_SETS = BY_GENRE


@dataclass(frozen=True)
class Targets:
    """What is wished of scores.

    Attributes:
        error: at most this share wrong among those answered; None: not asked.
        coverage: answer this share of covers, the most confident; None: not asked.
        set_coverage: share of sets that hold the true genre.
        sets: "marginal": over all covers together; "by-genre": over the covers of each genre; None: as the
            bundle has it, "by-genre" but for bundles of older versions.
        thresholds: "by-genre": `error` is kept among the covers predicted as each genre; None or "marginal":
            over all covers together.

    Raises:
        UserError: a share out of range, no such kind, both `error` and `coverage`, or thresholds by genre
            without `error`.
    """

    error: float | None = None
    coverage: float | None = None
    set_coverage: float = 0.9
    sets: str | None = None
    thresholds: str | None = None

    def __post_init__(self) -> None:
        if self.error is not None and self.coverage is not None:
            raise UserError("--target-error and --target-coverage exclude each other. Name one.")
        if self.error is not None and not 0.001 <= self.error < 1:
            raise UserError(
                f"--target-error {self.error}: name a proportion from 0.001 to below 1, such as 0.2."
            )
        if self.coverage is not None and not 0 < self.coverage <= 1:
            raise UserError(f"--target-coverage {self.coverage}: name a proportion above 0, up to 1.")
        if not 0 < self.set_coverage < 1:
            raise UserError(
                f"--set-coverage {self.set_coverage}: name a proportion between 0 and 1, such as 0.9."
            )
        for option, kind in (("--sets", self.sets), ("--thresholds", self.thresholds)):
            if kind is not None and kind not in KINDS:
                raise UserError(f"{option} {kind}: there is no such kind.{did_you_mean(kind, KINDS)}")
        if self.thresholds == BY_GENRE and self.error is None:
            raise UserError("--thresholds by-genre is about --target-error, and none is named. Name one.")

    @property
    def in_force(self) -> bool:
        """Whether something is guaranteed of the answers."""
        return self.error is not None or self.coverage is not None


NO_TARGETS = Targets()


@dataclass(frozen=True)
class Rule:
    """Targets made into numbers.

    Attributes:
        thresholds: k; answer where the highest probability is above that of its genre; -inf: always, inf:
            never.
        set_limits: k; up to this nonconformity a genre belongs to the set; inf: always.
    """

    thresholds: tuple[float, ...]
    set_limits: tuple[float, ...]

    def abstains(self, proba: np.ndarray) -> np.ndarray:
        """(n,) bool for the (n, k) probabilities of `Decision.answering`."""
        return proba.max(axis=1) <= np.asarray(self.thresholds)[proba.argmax(axis=1)]

    def sets(self, proba: np.ndarray) -> np.ndarray:
        """(n, k) bool for the (n, k) probabilities of `Decision.answering`."""
        return prediction_sets(proba, np.asarray(self.set_limits))

    def genre_sets(self, proba: np.ndarray, classes: Sequence[Any]) -> list[list[Any]]:
        """The same by name, the most probable genre first; `classes` in the order of the columns."""
        order = np.argsort(-proba, axis=1, kind="stable")
        return [
            [classes[code] for code in ranked if inside[code]]
            for ranked, inside in zip(order, self.sets(proba), strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Decision:
    """Held-out covers and what was learnt from them.

    Attributes:
        source: "validation" or "folds".
        proba: (n, k) float64 probabilities by a model that was not fitted on these covers.
        y: (n,) int true class codes.
        groups: (n,) int; covers with the same value belong together.
        calibration: of `proba`.
        weight: (n,) how much each cover counted for the calibration; None: all alike.
        sets: the kind of sets where targets name none.
    """

    source: str
    proba: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    calibration: Calibration
    weight: np.ndarray | None = None
    sets: str = DEFAULT_SETS

    def answering(self, proba: np.ndarray) -> np.ndarray:
        """(n, k) probabilities that answers, thresholds and sets go by, for the classifier's own."""
        return proba if self.calibration.keeps_order else self.calibration(proba)

    @cached_property
    def held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """As `answering`, of one held-out cover a group, none calibrated by itself; and their class codes."""
        proba = self.proba
        if not self.calibration.keeps_order:
            folds = inner_folds(self.y, self.groups)
            proba = cross_calibrated(self.calibration.kind, proba, self.y, folds, self.weight)
        rows = one_a_group(self.groups)
        rows = rows[~np.isnan(proba[rows, 0])]
        return proba[rows], self.y[rows]

    def save(self, folder: Path) -> None:
        """Writes the two files."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"source": self.source, "calibration": asdict(self.calibration), "sets": self.sets}
        (folder / "decision.json").write_text(json.dumps(facts, indent=1))
        held_out = pd.DataFrame(self.proba, columns=[f"p_{code}" for code in range(self.proba.shape[1])])
        held_out = held_out.assign(y=self.y, group=self.groups)
        if self.weight is not None:
            held_out = held_out.assign(weight=self.weight)
        held_out.to_parquet(folder / "held_out.parquet", index=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; raises UserError where a file is missing or broken."""
        try:
            facts = json.loads((folder / "decision.json").read_text())
            held_out = pd.read_parquet(folder / "held_out.parquet")
            curve, sets = facts["calibration"], facts.get("sets", MARGINAL)  # older versions knew no others
            if sets not in KINDS:
                raise ValueError(f"there are no sets of the kind {sets!r}")
            return cls(
                source=facts["source"],
                proba=held_out.filter(regex=r"^p_\d+$").to_numpy(np.float64),
                y=held_out["y"].to_numpy(np.int64),
                groups=held_out["group"].to_numpy(np.int64),
                calibration=Calibration(
                    curve["kind"],
                    curve["factor"],
                    *(tuple(curve.get(name, ())) for name in ("x", "y", "factors", "biases")),
                ),
                weight=held_out["weight"].to_numpy(np.float64) if "weight" in held_out else None,
                sets=sets,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder} is not whole: {error}. Train again or copy it anew.") from error


def learn_decision(
    proba: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    source: str,
    seed: int = 0,
    weight: np.ndarray | None = None,
) -> Decision:
    """Keeps held-out covers and chooses a calibration by them.

    Args:
        proba: (n, k) probabilities by a model that was not fitted on these covers, nor chosen by them.
        y: (n,) true class codes.
        groups: (n,) labels; covers with the same one belong together.
        source: "validation" or "folds".
        seed: of the calibration's folds.
        weight: (n,) how much each cover counts for the calibration; None: all alike.
    """
    numbers = group_numbers(groups)
    return Decision(
        source=source,
        proba=np.asarray(proba, dtype=np.float64),
        y=np.asarray(y, dtype=np.int64),
        groups=numbers,
        calibration=choose_calibration(np.asarray(proba, dtype=np.float64), y, numbers, seed, weight),
        weight=weight,
    )


@lru_cache(maxsize=16)
def rule_of(decision: Decision, targets: Targets) -> Rule:
    """The thresholds and the set limits that meet the targets."""
    return make_rule(*decision.held_out, replace(targets, sets=kind_of_sets(decision, targets)))


def kind_of_sets(decision: Decision | None, targets: Targets) -> str:
    """What sets guarantee their coverage over: one of `KINDS`; no decision, so no sets: `DEFAULT_SETS`."""
    return targets.sets or (decision.sets if decision else DEFAULT_SETS)


def make_rule(proba: np.ndarray, y: np.ndarray, targets: Targets) -> Rule:
    """As `rule_of`, from independent held-out rows: (n, k) probabilities and (n,) true class codes.

    Targets that name no kind of sets get `DEFAULT_SETS`.
    """
    k, predicted, confidence = proba.shape[1], proba.argmax(axis=1), proba.max(axis=1)
    wrong = predicted != y
    thresholds = np.full(k, -np.inf)
    if targets.error is not None and targets.thresholds == BY_GENRE:
        keeps = partial(threshold_for_error, target=targets.error)
        thresholds = thresholds_by_class(keeps, predicted, confidence, wrong, k)
    elif targets.error is not None:
        thresholds[:] = threshold_for_error(confidence, wrong, targets.error)
    elif targets.coverage is not None:
        thresholds[:] = threshold_for_coverage(confidence, targets.coverage)
    if (targets.sets or DEFAULT_SETS) == BY_GENRE:
        limits = set_limits_by_class(proba, y, targets.set_coverage)
    else:
        limits = np.full(k, set_limit(proba, y, targets.set_coverage))
    return Rule(tuple(thresholds.tolist()), tuple(limits.tolist()))


def one_a_group(groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """Row numbers, in order: of the rows of each group one, drawn at random by the group's label."""
    return np.sort(one_of_each(groups, seed, "one a group"))
