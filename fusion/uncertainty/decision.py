"""What to do with probabilities: calibrate them, answer or abstain, name a set.

All of it is learnt from held-out covers that the classifier was not fitted on. They are kept as they are, so
that a target can be chosen when covers are scored.

    decision.json       where the held-out covers come from, the calibration
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
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.identity_order import group_numbers, one_of_each
from coverfusion.fusion.grouped_folds import inner_folds
from coverfusion.fusion.uncertainty.abstention import threshold_for_coverage, threshold_for_error
from coverfusion.fusion.uncertainty.calibration import Calibration, choose_calibration, cross_calibrated
from coverfusion.fusion.uncertainty.conformal import prediction_sets, set_limit


@dataclass(frozen=True)
class Targets:
    """What is wished of scores.

    Attributes:
        error: at most this share wrong among those answered; None: not asked.
        coverage: answer this share of covers, the most confident; None: not asked.
        set_coverage: share of sets that hold the true genre.

    Raises:
        UserError: a share out of range, or both `error` and `coverage`.
    """

    error: float | None = None
    coverage: float | None = None
    set_coverage: float = 0.9

    def __post_init__(self) -> None:
        if self.error is not None and self.coverage is not None:
            raise UserError("--target-error and --target-coverage exclude each other. Name one.")
        if self.error is not None and not 0.001 <= self.error < 1:
            raise UserError(f"--target-error {self.error}: name a share from 0.001 to below 1, such as 0.2.")
        if self.coverage is not None and not 0 < self.coverage <= 1:
            raise UserError(f"--target-coverage {self.coverage}: name a share above 0, up to 1.")
        if not 0 < self.set_coverage < 1:
            raise UserError(f"--set-coverage {self.set_coverage}: name a share between 0 and 1, such as 0.9.")

    @property
    def in_force(self) -> bool:
        """Whether something is guaranteed of the answers."""
        return self.error is not None or self.coverage is not None


NO_TARGETS = Targets()


@dataclass(frozen=True)
class Rule:
    """Targets made into numbers.

    Attributes:
        threshold: answer where the highest probability is above it; -inf: always, inf: never.
        set_limit: up to this nonconformity a genre belongs to the set; inf: every genre.
    """

    threshold: float
    set_limit: float

    def abstains(self, proba: np.ndarray) -> np.ndarray:
        """(n,) bool for the (n, k) probabilities of `Decision.answering`."""
        return proba.max(axis=1) <= self.threshold

    def sets(self, proba: np.ndarray) -> np.ndarray:
        """(n, k) bool for the (n, k) probabilities of `Decision.answering`."""
        return prediction_sets(proba, self.set_limit)

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
    """

    source: str
    proba: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    calibration: Calibration
    weight: np.ndarray | None = None

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
        facts = {"source": self.source, "calibration": asdict(self.calibration)}
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
            curve = facts["calibration"]
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
    """The threshold and the set limit that meet the targets."""
    return make_rule(*decision.held_out, targets)


def make_rule(proba: np.ndarray, y: np.ndarray, targets: Targets) -> Rule:
    """As `rule_of`, from independent held-out rows: (n, k) probabilities and (n,) true class codes."""
    confidence, wrong = proba.max(axis=1), proba.argmax(axis=1) != y
    threshold = -np.inf
    if targets.error is not None:
        threshold = threshold_for_error(confidence, wrong, targets.error)
    elif targets.coverage is not None:
        threshold = threshold_for_coverage(confidence, targets.coverage)
    return Rule(threshold, set_limit(proba, y, targets.set_coverage))


def one_a_group(groups: np.ndarray, seed: int = 0) -> np.ndarray:
    """Row numbers, in order: of the rows of each group one, drawn at random by the group's label."""
    return np.sort(one_of_each(groups, seed, "one a group"))


def guarantee(decision: Decision, targets: Targets) -> str:
    """In words: what the rule for a target error or coverage does, and on how much that rests; else ""."""
    if not targets.in_force:
        return ""
    proba, y = decision.held_out
    answered = ~rule_of(decision, targets).abstains(proba)
    covers = f"{len(y):,} different held-out covers"
    if not answered.any():
        return (
            f"At most {100 * (targets.error or 0):g} % wrong cannot be guaranteed from {covers}: no cover is "
            f"answered. Ask for less, or train on more covers."
        )
    wrong = (proba.argmax(axis=1) != y)[answered]
    seen = f"of {covers} {100 * answered.mean():.0f} % are answered, {100 * wrong.mean():.0f} % of them wrong"
    if targets.error is not None:
        return f"At most {100 * targets.error:g} % wrong among those answered, with 90 % confidence: {seen}."
    return f"Answers the most confident: {seen}."
