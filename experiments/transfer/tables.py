"""What is lost on the way from one source to another, by classifier, set of blocks and block."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.group_tests import GroupTest, group_tests
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.evaluation.metrics import score_predictions
from coverfusion.experiments.evaluation.statistics import holm, widening
from coverfusion.experiments.pipeline.cached_fits import Model
from coverfusion.experiments.transfer.plan import ALL_BLOCKS, WITHOUT

SCORES = ("accuracy", "balanced_accuracy", "f1_macro")
LARGEST_GENRE = "largest genre"
Sets = Mapping[Model, Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Outcome:
    """What one model predicted of one source.

    Attributes:
        within: by cover_id `genre`, `group`, `predicted` and `p_<genre>`, by a model that knew the source.
        transfer: the same by one that did not know it.
    """

    within: pd.DataFrame
    transfer: pd.DataFrame


@dataclass(frozen=True)
class Tested:
    """All outcomes of one source.

    Attributes:
        name: of the source.
        sets: model -> what it stands for.
        outcomes: by model.
        usual: the most frequent genre of the training covers.
        genres: k names.
        folds: that the covers within were predicted in; None: one split.
        paired: whether both frames are of the same covers.
        seed: of resamples and signs.
    """

    name: str
    sets: Sets
    outcomes: Mapping[Model, Outcome]
    usual: str
    genres: Sequence[str]
    folds: int | None
    paired: bool
    seed: int


def scores_table(tested: Tested) -> pd.DataFrame:
    """One row a set of blocks: scores within and on the other source, and what accuracy is lost.

    `accuracy_within` and the like have intervals by `score_predictions`. `lost` has one of Newcombe's, or,
    where both were measured on the same covers, that of sign-flips over groups. The first row is of always
    saying the most frequent genre of the training covers.
    """
    first = next(iter(tested.outcomes.values()))
    usual = {
        f"accuracy_{where}": float((frame["genre"] == tested.usual).mean()) for where, frame in _both(first)
    }
    rows: list[dict[str, Any]] = [
        _row(tested, LARGEST_GENRE, (), ("", ""), first)
        | usual
        | {"lost": usual["accuracy_within"] - usual["accuracy_transfer"]}
    ]
    for model, outcome in tested.outcomes.items():
        scored: dict[str, float] = {}
        for where, frame in _both(outcome):
            folds = tested.folds if where == "within" else None
            overall = score_predictions(
                frame["genre"].to_numpy(),
                frame[[f"p_{genre}" for genre in tested.genres]].to_numpy(),
                list(tested.genres),
                frame["group"].to_numpy(),
                tested.seed,
                folds,
            ).overall
            for score in SCORES:
                value, low, high = map(float, overall.loc[score, ["value", "low", "high"]].to_numpy())
                scored |= {
                    f"{score}_{where}": value,
                    f"{score}_{where}_low": low,
                    f"{score}_{where}_high": high,
                }
        lost = _lost(tested, outcome, scored)
        ends = {"lost": lost.value, "lost_low": lost.low, "lost_high": lost.high}
        rows.extend(
            _row(tested, model.classifier, model.blocks, what, outcome) | scored | ends
            for what in tested.sets[model]
        )
    return pd.DataFrame(rows)


def _row(
    tested: Tested, classifier: str, blocks: tuple[str, ...], what: tuple[str, str], outcome: Outcome
) -> dict[str, Any]:
    return {
        "test": tested.name,
        "classifier": classifier,
        "set": what[0],
        "block": what[1],
        "blocks": "+".join(blocks),
        "covers_within": len(outcome.within),
        "covers_transfer": len(outcome.transfer),
    }


def _both(outcome: Outcome) -> list[tuple[str, pd.DataFrame]]:
    return [("within", outcome.within), ("transfer", outcome.transfer)]


def _lost(tested: Tested, outcome: Outcome, scored: Mapping[str, float]) -> Interval:
    if tested.paired:
        difference = _right(outcome.within) - _right(outcome.transfer)
        groups = outcome.transfer["group"].to_numpy()
        test = group_tests(difference[:, None], groups, tested.seed, widening(tested.folds))[0]
        return Interval(test.difference, test.low, test.high)
    ends = [
        Interval(*(scored[f"accuracy_{where}{end}"] for end in ("", "_low", "_high")))
        for where in ("within", "transfer")
    ]
    return difference_of_independent(*ends)


def difference_of_independent(first: Interval, second: Interval) -> Interval:
    """The difference of two scores of other covers, from the interval of each.

    R. G. Newcombe, Interval Estimation for the Difference Between Independent Proportions, Statistics in
    Medicine 17, 1998.
    """
    value = first.value - second.value
    low = math.hypot(first.value - first.low, second.high - second.value)
    high = math.hypot(first.high - first.value, second.value - second.low)
    return Interval(value, value - low, value + high)


def blocks_table(tested: Tested) -> pd.DataFrame:
    """One row a classifier and block: what it brings beside all others, within and on the other source.

    `brings` is the accuracy of all blocks less that of all but this one, in points of 1, with intervals of
    sign-flips over groups (within folds widened). `p` is of the other source, `p_holm` corrected over the
    classifier's blocks; `equal` is the probability that what the block brings there is within a point.
    `lost_on_the_way` is `brings_within` less `brings_transfer`.
    """
    frames = []
    for full, what in tested.sets.items():
        if what[0][0] != ALL_BLOCKS:
            continue
        less = {
            block: model
            for model, kinds in tested.sets.items()
            if model.classifier == full.classifier
            for kind, block in kinds
            if kind == WITHOUT
        }
        if not less:
            continue
        within, transfer = (_brought(tested, full, less, where) for where in ("within", "transfer"))
        frame = pd.DataFrame(
            {
                "test": tested.name,
                "classifier": full.classifier,
                "block": list(less),
                **_columns("within", within),
                **_columns("transfer", transfer),
                "p": [test.p for test in transfer],
                "p_holm": holm(np.array([test.p for test in transfer])),
                "equal": [test.practical.equal for test in transfer],
            }
        )
        frames.append(frame.assign(lost_on_the_way=frame["brings_within"] - frame["brings_transfer"]))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _brought(tested: Tested, full: Model, less: Mapping[str, Model], where: str) -> list[GroupTest]:
    whole = getattr(tested.outcomes[full], where)
    right = _right(whole)
    parts = [getattr(tested.outcomes[model], where) for model in less.values()]
    differences = np.column_stack([right - _right(part) for part in parts])
    wider = widening(tested.folds) if where == "within" else 1.0
    return group_tests(differences, whole["group"].to_numpy(), tested.seed, wider)


def _columns(where: str, tests: Sequence[GroupTest]) -> dict[str, list[float]]:
    return {
        f"brings_{where}": [test.difference for test in tests],
        f"brings_{where}_low": [test.low for test in tests],
        f"brings_{where}_high": [test.high for test in tests],
    }


def _right(frame: pd.DataFrame) -> np.ndarray:
    return (frame["genre"] == frame["predicted"]).to_numpy(dtype=float)
