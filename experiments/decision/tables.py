"""Calibration, abstention and sets, each tried on held-out covers that it was not learnt from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial

import numpy as np
import pandas as pd

from coverfusion.data.seeds import seed_for
from coverfusion.experiments.decision.held_out import HeldOut, choosing_rows, read_held_out
from coverfusion.experiments.evaluation.group_tests import group_tests
from coverfusion.experiments.evaluation.intervals import chance_error, grouped_proportion, reliability
from coverfusion.experiments.evaluation.statistics import group_weights, interval, score_interval
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel
from coverfusion.fusion.grouped_folds import Split
from coverfusion.fusion.uncertainty.abstention import (
    Threshold,
    area_under_risk_coverage,
    plain_threshold_for_error,
    risk_coverage,
    threshold_for_coverage,
    threshold_for_error,
    thresholds_by_class,
)
from coverfusion.fusion.uncertainty.calibration import (
    CALIBRATION_KINDS,
    choose_calibration,
    cross_calibrated,
    log_losses,
)
from coverfusion.fusion.uncertainty.conformal import (
    DEFAULT,
    METHODS,
    prediction_sets,
    set_limit,
    set_limits_by_class,
)
from coverfusion.fusion.uncertainty.decision import BY_GENRE, KINDS, one_a_group

SET_SPLITS = 20  # random halves that prediction sets are tried on
SET_GUARANTEES = (0.8, 0.9, 0.95)
TARGET_ERRORS = (0.1, 0.2, 0.3, 0.4)
TARGET_COVERAGES = (0.1, 0.25, 0.5, 0.75)
RULE_BY_GENRE = "guaranteed by genre"  # the threshold of the predicted genre
COVERAGE_GRID = np.arange(1, 101) / 100


def models_table(run: Run, parts: Sequence[Split], target: float, seed: int) -> pd.DataFrame:
    """One row a model on all blocks: error, AURC with its interval, what a target error leaves answered."""
    rows = []
    for model in [model for model in run.models if model.kind == "fused"]:
        held = read_held_out(run, model, parts)
        weights = group_weights(held.groups[held.tried], seed)
        rows.append(
            {"classifier": model.classifier, **_error_of_all(held), **_choosing(run, model)}
            | _aurc(held, weights)
            | answered_row(held, weights, answered_covers(held, _guaranteed(target)))
        )
    return pd.DataFrame(rows)


def calibrated_by_parts(held: HeldOut, seed: int) -> dict[str, np.ndarray]:
    """Kind -> (tried, k) probabilities, each part's calibrated by what it may learn from.

    "chosen" is, part by part, the kind that scoring would choose.
    """
    calibrated = {
        kind: cross_calibrated(kind, held.proba, held.y, held.parts)[held.tried] for kind in CALIBRATION_KINDS
    }
    chosen = np.full(held.proba.shape, np.nan)
    for learnt, tried in held.parts:
        calibration = choose_calibration(held.proba[learnt], held.y[learnt], held.groups[learnt], seed)
        chosen[tried] = calibration(held.proba[tried])
    return calibrated | {"chosen": chosen[held.tried]}


def calibration_table(
    y: np.ndarray, groups: np.ndarray, calibrated: Mapping[str, np.ndarray], wider: float = 1.0, seed: int = 0
) -> pd.DataFrame:
    """Log loss and expected calibration error of each kind.

    `lower` is how much lower the log loss is than without calibration, paired, with `lower_low` and
    `lower_high`; `ece_chance` the calibration error that perfect probabilities would show on these covers.

    Args:
        y: (tried,) true codes.
        groups: (tried,) labels.
        calibrated: from `calibrated_by_parts`.
        wider: from `evaluation.statistics.widening`.
        seed: of the sign-flips, and of what perfect probabilities would show.
    """
    rows, before = [], log_losses(calibrated["none"], y)
    for kind, proba in calibrated.items():
        confidence = proba.max(axis=1)
        bins = reliability(confidence, proba.argmax(axis=1) == y, np.arange(len(y)))
        gap = sum(b.covers * abs(b.confidence - b.accuracy.value) for b in bins) / len(y)
        losses = log_losses(proba, y)
        test = group_tests((before - losses)[:, None], groups, seed, wider, hits=False)[0]
        row = {"kind": kind, "covers": len(y), "log_loss": float(losses.mean()), "ece": gap}
        row |= {"lower": test.difference, "lower_low": test.low, "lower_high": test.high}
        rows.append(row | {"ece_chance": chance_error(confidence, seed)})
    return pd.DataFrame(rows)


def reliability_table(
    y: np.ndarray, groups: np.ndarray, calibrated: Mapping[str, np.ndarray], wider: float = 1.0
) -> pd.DataFrame:
    """The bins of the reliability diagram, before and after calibration; Wilson intervals by groups."""
    frames = []
    for when, kind in (("before", "none"), ("after", "chosen")):
        proba = calibrated[kind]
        found = reliability(proba.max(axis=1), proba.argmax(axis=1) == y, groups, wider)
        bins = pd.DataFrame(map(asdict, found))
        accuracy = pd.DataFrame(bins.pop("accuracy").tolist()).add_prefix("accuracy_")
        frames.append(pd.concat([bins, accuracy], axis=1).assign(when=when))
    return pd.concat(frames, ignore_index=True).rename(columns={"accuracy_value": "accuracy"})


def risk_coverage_table(held: HeldOut, weights: np.ndarray) -> pd.DataFrame:
    """The error among answered at each coverage with its interval, and what a perfect order would give."""
    confidence, wrong = held.confidence[held.tried], held.wrong[held.tried]
    error = risk_coverage(confidence, wrong, COVERAGE_GRID)
    resampled = risk_coverage(confidence, wrong, COVERAGE_GRID, weights)
    groups = held.groups[held.tried][np.argsort(-confidence, kind="stable")]
    ends = [
        score_interval(
            value, drawn, len(np.unique(groups[: max(1, math.ceil(part * len(groups)))])), held.wider
        )
        for value, drawn, part in zip(error, resampled.T, COVERAGE_GRID, strict=True)
    ]
    return pd.DataFrame(
        {
            "coverage": COVERAGE_GRID,
            "error": error,
            "low": [low for low, _ in ends],
            "high": [high for _, high in ends],
            "perfect_order": risk_coverage(-wrong.astype(float), wrong, COVERAGE_GRID),
        }
    )


def abstention_table(held: HeldOut, weights: np.ndarray, errors: Sequence[float]) -> pd.DataFrame:
    """Coverage and error by thresholds for target errors and for target coverages.

    Those for errors are guaranteed (one for all, or one a predicted genre) or plain.
    """
    asked: list[tuple[str, float, str, Threshold]] = []
    asked += [("error", target, "guaranteed", _guaranteed(target)) for target in errors]
    asked += [("error", target, RULE_BY_GENRE, _guaranteed(target)) for target in errors]
    asked += [("error", target, "plain", _plain(target)) for target in errors]
    asked += [("coverage", target, "plain", _covering(target)) for target in TARGET_COVERAGES]
    return pd.DataFrame(
        [
            {"target": target, "wished": wished, "rule": rule}
            | answered_row(held, weights, answered_covers(held, threshold, rule == RULE_BY_GENRE))
            for target, wished, rule, threshold in asked
        ]
    )


def genres_table(held: HeldOut, weights: np.ndarray, target: float) -> pd.DataFrame:
    """For each true genre: the proportion of its covers that is answered, and the error among those.

    One row a rule (guaranteed, plain) and genre.
    """
    rows = []
    for rule, threshold in (("guaranteed", _guaranteed(target)), ("plain", _plain(target))):
        answered = answered_covers(held, threshold)
        for code, genre in enumerate(held.genres):
            own = held.y[held.tried] == code
            if own.any():
                row = answered_row(held, weights * own, answered, own)
                rows.append({"rule": rule, "genre": genre, "covers": int(own.sum()), **row})
    return pd.DataFrame(rows)


def predicted_table(held: HeldOut, weights: np.ndarray, target: float) -> pd.DataFrame:
    """For each predicted genre: the proportion of its covers that is answered, and the error among those.

    One row a kind of thresholds (one for all, or one a predicted genre, guaranteed) and genre.
    """
    predicted, rows = held.proba[held.tried].argmax(axis=1), []
    for kind in KINDS:
        answered = answered_covers(held, _guaranteed(target), kind == BY_GENRE)
        for code, genre in enumerate(held.genres):
            own = predicted == code
            if own.any():
                row = answered_row(held, weights * own, answered, own)
                rows.append({"thresholds": kind, "genre": genre, "covers": int(own.sum()), **row})
    return pd.DataFrame(rows)


def sets_by_genre_table(held: HeldOut) -> pd.DataFrame:
    """How often the sets hold each genre's covers, learnt from what each part may learn from.

    One row a kind of sets, guarantee and genre: `learnt` (covers of the genre that limits are learnt from,
    the fewest of all parts), `covers`, `coverage` with its interval, `size` (mean, of the genre's covers) and
    `named` (the proportion of all covers' sets that name the genre).
    """
    y, groups, rows = held.y[held.tried], held.groups[held.tried], []
    learns = [learnt[one_a_group(held.groups[learnt])] for learnt, _ in held.parts]
    fewest = [min(int((held.y[some] == code).sum()) for some in learns) for code in range(len(held.genres))]
    for kind in KINDS:
        for guarantee in SET_GUARANTEES:
            inside = np.zeros(held.proba.shape, bool)
            for some, (_, tried) in zip(learns, held.parts, strict=True):
                limits = _limits(held, some, guarantee, DEFAULT, kind)
                inside[tried] = prediction_sets(held.proba[tried], limits)
            sets = inside[held.tried]
            for code, genre in enumerate(held.genres):
                own = y == code
                if own.any():
                    holds = grouped_proportion(sets[own, code], groups[own], held.wider)
                    row = {"sets": kind, "guarantee": guarantee, "genre": genre, "learnt": fewest[code]}
                    row |= {"covers": int(own.sum()), "coverage": holds.value}
                    row |= {"coverage_low": holds.low, "coverage_high": holds.high}
                    rows.append(row | {"size": sets[own].sum(axis=1).mean(), "named": sets[:, code].mean()})
    return pd.DataFrame(rows)


def sets_table(held: HeldOut, seed: int) -> pd.DataFrame:
    """Coverage and size of the sets on random halves of the held-out covers, learnt on the other halves.

    One row a method, kind of sets, guarantee and split: `coverage`, `size` (mean), `single` (proportion with
    one genre), and `coverage_<genre>`.
    """
    rng = np.random.default_rng(seed)
    names, codes = np.unique(held.groups, return_inverse=True)
    rows = []
    for split in range(SET_SPLITS):
        learns = (rng.permutation(len(names)) < len(names) // 2)[codes]
        learnt, tried = np.flatnonzero(learns), np.flatnonzero(~learns)
        learnt = learnt[one_a_group(held.groups[learnt], seed_for(seed, "set split", split))]
        rows += [
            {"method": method, "sets": kind, "guarantee": guarantee, "split": split}
            | _tried_sets(held, learnt, tried, guarantee, method, kind)
            for method in METHODS
            for kind in KINDS
            for guarantee in SET_GUARANTEES
        ]
    return pd.DataFrame(rows)


def _tried_sets(
    held: HeldOut, learnt: np.ndarray, tried: np.ndarray, guarantee: float, method: str, kind: str
) -> dict[str, float]:
    sets = prediction_sets(held.proba[tried], _limits(held, learnt, guarantee, method, kind), method)
    y, size = held.y[tried], sets.sum(axis=1)
    holds = sets[np.arange(len(tried)), y]
    genres = {f"coverage_{g}": holds[y == i].mean() for i, g in enumerate(held.genres) if (y == i).any()}
    return {"coverage": holds.mean(), "size": size.mean(), "single": (size == 1).mean()} | genres


def _limits(held: HeldOut, rows: np.ndarray, guarantee: float, method: str, kind: str) -> float | np.ndarray:
    proba, y = held.proba[rows], held.y[rows]
    if kind == BY_GENRE:
        return set_limits_by_class(proba, y, guarantee, method)
    return set_limit(proba, y, guarantee, method)


def summarised_sets(sets: pd.DataFrame) -> pd.DataFrame:
    """One row a method, kind and guarantee: mean, lowest and highest coverage over the splits, mean size."""
    grouped = sets.groupby(["method", "sets", "guarantee"], sort=False)
    coverage = grouped["coverage"].agg(["mean", "min", "max"])
    coverage.columns = pd.Index(["coverage", "lowest", "highest"])
    return coverage.join(grouped[["size", "single"]].mean()).reset_index()


def answered_covers(held: HeldOut, threshold: Threshold, by_genre: bool = False) -> np.ndarray:
    """(tried,) bool: which covers are answered, each by a threshold that was learnt from others.

    Args:
        held: predictions.
        threshold: (confidence, wrong) of some covers -> threshold.
        by_genre: each predicted genre has a threshold of its own.
    """
    answered = np.zeros(len(held.y), bool)
    predicted = held.proba.argmax(axis=1)
    names = predicted if by_genre else np.zeros_like(predicted)
    for learnt, tried in held.parts:
        rows = learnt[one_a_group(held.groups[learnt])]
        thresholds = thresholds_by_class(
            threshold, names[rows], held.confidence[rows], held.wrong[rows], len(held.genres)
        )
        answered[tried] = held.confidence[tried] > thresholds[names[tried]]
    return answered[held.tried]


def answered_row(
    held: HeldOut, weights: np.ndarray, answered: np.ndarray, among: np.ndarray | None = None
) -> dict[str, float]:
    """Coverage and error among answered with intervals, over all tried covers or those `among`.

    Args:
        held: predictions.
        weights: (b, tried) from `group_weights`; 0 for covers that are not among.
        answered: (tried,) bool.
        among: (tried,) bool.
    """
    among = np.ones(len(answered), bool) if among is None else among
    mistakes = answered & held.wrong[held.tried]
    count = int((answered & among).sum())
    total, given, bad = weights.sum(axis=1), weights @ answered, weights @ mistakes
    groups = held.groups[held.tried]
    coverage = _interval_of(count / among.sum(), given, total, groups[among], held.wider)
    wrong = float((mistakes & among).sum() / count) if count else np.nan
    error = (np.nan, np.nan)
    if count:
        error = _interval_of(wrong, bad, given, groups[among & answered], held.wider)
    return {
        "answered": count,
        "coverage": count / among.sum(),
        "coverage_low": coverage[0],
        "coverage_high": coverage[1],
        "error": wrong,
        "error_low": error[0],
        "error_high": error[1],
    }


def _error_of_all(held: HeldOut) -> dict[str, float]:
    error = grouped_proportion(held.wrong[held.tried], held.groups[held.tried], held.wider)
    return {
        "error_of_all": error.value,
        "error_of_all_low": error.low,
        "error_of_all_high": error.high,
    }


def _choosing(run: Run, model: ScoredModel) -> dict[str, float]:
    """How many covers of the scores chose the run's model and are not tried, and what is wrong there."""
    frame = choosing_rows(run, model)
    wrong = float((frame["predicted"] != frame["genre"]).mean()) if len(frame) else np.nan
    return {"choosing": len(frame), "error_choosing": wrong}


def _aurc(held: HeldOut, weights: np.ndarray) -> dict[str, float]:
    confidence, wrong = held.confidence[held.tried], held.wrong[held.tried]
    low, high = interval(area_under_risk_coverage(confidence, wrong, weights), held.wider)
    value = float(area_under_risk_coverage(confidence, wrong))
    return {"aurc": value, "aurc_low": max(float(low), 0.0), "aurc_high": min(float(high), 1.0)}


def _guaranteed(target: float) -> Threshold:
    return partial(threshold_for_error, target=target)


def _plain(target: float) -> Threshold:
    return partial(plain_threshold_for_error, target=target)


def _covering(target: float) -> Threshold:
    return lambda confidence, _: threshold_for_coverage(confidence, target)


def _interval_of(
    value: float, part: np.ndarray, whole: np.ndarray, groups: np.ndarray, wider: float
) -> tuple[float, float]:
    some = whole > 0
    return score_interval(value, part[some] / whole[some], len(np.unique(groups)), wider)
