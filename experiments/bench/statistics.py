"""Do tests reject, and intervals hold the truth, as often as they say? On simulated covers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.experiments.bench.guarantees import guarantees
from coverfusion.experiments.bench.planned_power import PLANNED, planned, planned_truth
from coverfusion.experiments.bench.simulated_covers import (
    FOLDS,
    GENRES,
    LEVEL,
    SHARE,
    Found,
    Judged,
    drawn_features,
    fold_means,
    judged_apart,
    judged_in_folds,
    judged_once,
    linear_answers,
)
from coverfusion.experiments.bench.unequal_genres import every_metric, planted_blocks
from coverfusion.experiments.curve.power_law import doubling
from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.evaluation.best_of_many import corrected_best, many_differences
from coverfusion.experiments.evaluation.group_tests import group_tests
from coverfusion.experiments.evaluation.intervals import Interval, grouped_proportion
from coverfusion.experiments.evaluation.metrics import score_predictions
from coverfusion.experiments.evaluation.rope import correlated_t_rope
from coverfusion.experiments.evaluation.shapley import shapley_interactions, shapley_values, subsets
from coverfusion.experiments.evaluation.statistics import (
    corrected_t_test,
    group_weights,
    holm,
    interval,
    mcnemar_test,
    widening,
)
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.fusion.prior import PRIOR_NAMES

MANY = 10  # values of a sweep, all equally good


def bench_statistics(samples: int, seed: int = 0) -> pd.DataFrame:
    """Simulates, prints and returns how often each test rejects and each interval holds the truth.

    Args:
        samples: simulated collections for each row.
        seed: of all draws.

    Returns:
        One row a claim and setting: `claim`, `covers`, `wanted`, `found`, `error` (its standard error).
    """
    rows = []
    chosen = settings(samples)
    with counted("simulating", len(chosen)) as bar:
        for number, (covers, simulate) in enumerate(chosen.items()):
            rows += simulated(simulate, covers, samples, [seed, number])
            bar.advance(bar.task_ids[0])
    table = pd.DataFrame(rows)
    for row in table.itertuples():
        wanted = f", wanted {row.wanted!s}" if row.wanted else ""
        console.print(f"{row.claim}, {row.covers}: {row.found:.3f} ({row.error:.3f}){wanted}")
    return table


def settings(samples: int) -> dict[str, Callable[..., Found]]:
    """What is simulated, by the covers it is simulated on; truths come from `samples` collections too."""
    made: dict[str, Callable[..., Found]] = {}
    for size in (1, 5, 10):
        in_groups = f"one split, {'no groups' if size == 1 else f'groups of {size}'}"
        made[f"{in_groups}, equal models"] = two_models(60, size, (0.5, 0.5))
        made[f"{in_groups}, {MANY} equal models"] = many_models(60, size)
    made["one split, rarely different models"] = two_models(40, 1, (0.98, 0.95))
    made["one split, 1 point apart"] = two_models(3000, 1, (0.51, 0.50))
    made["one split of 60, genres of 0.6, 0.3 and 0.1"] = genre_scores(60)
    made["one split of 300, genres of 0.6, 0.3 and 0.1"] = genre_scores(300)
    for groups, size in ((200, 1), (60, 5)):
        in_groups = f"folds, {groups * size} covers, {'no groups' if size == 1 else f'groups of {size}'}"
        made[in_groups] = folds(groups, size, folds_truth(groups, size, samples))
        made[f"{in_groups}, blocks that add up"] = adding_up(groups, size)
        made[f"{in_groups}, {MANY} equal models"] = many_in_folds(
            groups, size, many_truth(groups, size, samples)
        )
    for groups, size, weaker in PLANNED:
        in_groups = f"{groups * size} covers, {'no groups' if size == 1 else f'groups of {size}'}"
        for repeats in (1, 2):
            true = planned_truth(groups, size, weaker, repeats, samples)
            name = f"{FOLDS} folds x {repeats}, {in_groups}, {100 * true:.1f} points apart"
            made[name] = planned(groups, size, weaker, repeats, true)
    for groups, size in ((200, 1), (1000, 1), (200, 5)):
        in_groups = f"{groups * size} held-out covers{f' in groups of {size}' if size > 1 else ''}"
        made[f"{in_groups}, genres of 0.5 to 0.02"] = guarantees(groups, size)
    for groups, size in ((120, 1), (60, 5)):
        in_groups = "no groups" if size == 1 else f"groups of {size}"
        made[f"one split, {in_groups}, genres of 0.8, 0.1 and 0.1"] = every_metric(groups, size)
    for prior in PRIOR_NAMES:
        made[f"folds, genres of 0.8, 0.1 and 0.1, prior {prior}"] = planted_blocks(prior)
    made["folds, 400 covers"] = twice(400, twice_truth(samples))
    return made


def simulated(
    simulate: Callable[[np.random.Generator], Found], covers: str, samples: int, seed: list[int]
) -> list[dict[str, object]]:
    """The mean and standard error of what a simulation finds, one row a claim.

    What is found never, or always, has the error of one sample that says otherwise among two more (P. S.
    Laplace's rule of succession): so many samples leave that much doubt.
    """
    found = pd.DataFrame([dict(simulate(np.random.default_rng([*seed, n]))) for n in range(samples)])
    known, means = found.notna().sum(), found.mean()
    errors = found.astype(float).std(ddof=1) / np.sqrt(known)
    one_more = 1 / (known + 2)
    doubt = np.sqrt(one_more * (1 - one_more) / known)
    errors = errors.where((errors > 0) | ~means.isin([0.0, 1.0]), doubt)
    return [
        {"claim": claim, "covers": covers, "wanted": WANTED.get(str(claim).split(":")[0], "")}
        | {"found": float(found[claim].mean()), "error": float(errors[claim])}
        for claim in found
    ]


# --- what is claimed of one split ------------------------------------------------------------------------


def two_models(groups: int, size: int, accuracy: tuple[float, float]) -> Callable[..., Found]:
    """Two fitted models: tests and intervals of their difference and of the first one's scores."""

    def simulate(rng: np.random.Generator) -> Found:
        judged = judged_once(rng, groups, size, np.array(accuracy))
        first, second = judged.right.T
        test = group_tests((first * 1.0 - second)[:, None], judged.groups, int(rng.integers(2**31)))[0]
        true = accuracy[0] - accuracy[1]
        found = {
            "interval: difference, sign-flips": test.low <= true <= test.high,
            "interval: accuracy": _inside(accuracy[0], grouped_proportion(first, judged.groups)),
        }
        if true == 0:
            found |= {
                "rejects: sign-flips over groups": test.p < LEVEL,
                "before: McNemar": mcnemar_test(first, second)[2] < LEVEL,
            }
        if np.isclose(true, ROPE):
            found |= {"rejects: practically equal, at the edge": test.practical.equal > 1 - LEVEL}
        return found

    return simulate


def many_models(groups: int, size: int) -> Callable[..., Found]:
    """Equally good models, the best of which is looked for."""

    def simulate(rng: np.random.Generator) -> Found:
        judged = judged_once(rng, groups, size, np.full(MANY, 0.5))
        return _best_of(judged, 0.5, 1.0, int(rng.integers(2**31)))

    return simulate


def _best_of(judged: Judged, true: float, wider: float, seed: int) -> Found:
    right, groups = judged.right[:, :MANY], judged.groups
    best = int(right.mean(axis=0).argmax())
    many, corrected = many_differences(right, groups, seed, wider), corrected_best(right, groups, seed, wider)
    weights = group_weights(groups, seed)
    less = right * 1.0 - right[:, [best]]
    plain = interval(weights @ less / weights.sum(axis=1, keepdims=True), wider)[1]
    return {
        "rejects: surely worse than the best": any(many.interval(m, best).high < 0 for m in range(MANY)),
        "before: each with the best, one by one": bool((np.delete(plain, best) < 0).any()),
        "too good, points: the best": 100 * (right[:, best].mean() - true),
        "too good, points: corrected": 100 * (corrected.value - true),
        "too good, points: corrected, these fits": 100 * (corrected.value - judged.fresh[best]),
        "interval: the corrected best": _inside(true, corrected),
    }


def genre_scores(covers: int) -> Callable[..., Found]:
    """The scores of a rare genre and of all, where the model is right as often in every genre."""
    share, accuracy = np.array([0.6, 0.3, 0.1]), 0.8
    # a mistake is either other genre alike; precision and F1 follow
    named = accuracy * share + (1 - accuracy) / 2 * (1 - share)
    truth = {"recall": accuracy, "precision": accuracy * share[2] / named[2]}
    truth["f1"] = 2 * accuracy * share[2] / (share[2] + named[2])
    macro = float((2 * accuracy * share / (share + named)).mean())

    def simulate(rng: np.random.Generator) -> Found:
        y = rng.choice(GENRES, covers, p=share)
        told = np.where(rng.random(covers) < accuracy, y, (y + rng.integers(1, GENRES, covers)) % GENRES)
        scores = score_predictions(
            y.astype(str), np.eye(GENRES)[told], list("012"), np.arange(covers), int(rng.integers(2**31))
        )
        rare = scores.per_genre.loc[["2"]].droplevel("genre").to_dict("index")
        found = {
            f"at least: {name} of a rare genre": _holds(rare[name], true) for name, true in truth.items()
        }
        return found | {"interval: macro F1": _holds(scores.overall.to_dict("index")["f1_macro"], macro)}

    return simulate


# --- what is claimed of folds ----------------------------------------------------------------------------


def folds(groups: int, size: int, true: Mapping[str, float]) -> Callable[..., Found]:
    """Two equally good views and both together: tests and intervals over five folds.

    Args:
        groups: how many.
        size: covers in each.
        true: what the procedure reaches on average, from `folds_truth`.
    """

    def simulate(rng: np.random.Generator) -> Found:
        judged = judged_in_folds(rng, groups, size, views=2)
        by_fold = {name: _by_fold(judged, values) for name, values in _values(judged).items()}
        covers = groups * size / FOLDS
        tests = {name: corrected_t_test(values, SHARE, covers) for name, values in by_fold.items()}
        both = grouped_proportion(judged.right[:, 2], judged.groups, widening(FOLDS))
        found = {
            f"interval: {name}, corrected t": tests[name].low <= true[name] <= tests[name].high
            for name in true
        }
        practical = correlated_t_rope(by_fold["difference"], SHARE, covers)
        return found | {
            "at least: accuracy, pooled folds": _inside(true["accuracy"], both),
            "rejects: corrected t": tests["difference"].p < LEVEL,
            "before: McNemar": mcnemar_test(*judged.right[:, :2].T)[2] < LEVEL,
            "rejects: surely different, practically": max(practical.first, practical.second) > 1 - LEVEL / 2,
        }

    return simulate


def folds_truth(groups: int, size: int, samples: int, seed: int = 9) -> dict[str, float]:
    """What each number of `folds` is on average over collections."""
    rng = np.random.default_rng([seed, groups, size])
    drawn = [_values(judged_in_folds(rng, groups, size, views=2)) for _ in range(samples)]
    means = {name: float(np.mean([values[name].mean() for values in drawn])) for name in drawn[0]}
    return means | {"difference": 0.0}


def _values(judged: Judged) -> dict[str, np.ndarray]:
    """(n,) values; their means are the accuracy of both, a difference, a Shapley value, an interaction."""
    a, b, both = judged.right.T * 1.0
    game = {(): np.full(len(a), 1 / GENRES), ("a",): a, ("b",): b, ("a", "b"): both}
    brings, together = shapley_values("ab", game)["a"], shapley_interactions("ab", game)["a", "b"]
    values = {"accuracy": both, "difference": a - b, "Shapley value": brings}
    return values | {"interaction": together.interaction}


def _by_fold(judged: Judged, values: np.ndarray) -> np.ndarray:
    return fold_means(judged.fold, values)


def adding_up(groups: int, size: int) -> Callable[..., Found]:
    """Two blocks that bring together what each brings: is an interaction found?"""

    def simulate(rng: np.random.Generator) -> Found:
        judged = judged_apart(rng, groups, size)
        game = dict(zip(subsets("ab"), judged.right.T * 1.0, strict=True))
        by_fold = _by_fold(judged, shapley_interactions("ab", game)["a", "b"].interaction)
        test = corrected_t_test(by_fold, SHARE, groups * size / FOLDS)
        return {
            "rejects: no interaction, corrected t": test.p < LEVEL,
            "at least: no interaction, corrected t": test.low <= 0 <= test.high,
        }

    return simulate


def many_in_folds(groups: int, size: int, true: float) -> Callable[..., Found]:
    """Equally good models over folds, the best of which is looked for."""

    def simulate(rng: np.random.Generator) -> Found:
        judged = judged_in_folds(rng, groups, size, views=MANY)
        by_fold = [_by_fold(judged, values) for values in judged.right[:, :4].T * 1.0]
        pairs = [corrected_t_test(a - b, SHARE, groups * size / FOLDS).p for a, b in combinations(by_fold, 2)]
        holms = {"rejects: any of six after Holm": bool((holm(np.array(pairs)) < LEVEL).any())}
        return {**_best_of(judged, true, widening(FOLDS), int(rng.integers(2**31))), **holms}

    return simulate


def many_truth(groups: int, size: int, samples: int, seed: int = 8) -> float:
    """The accuracy that each model of `many_in_folds` has on average."""
    rng = np.random.default_rng([seed, groups, size])
    return float(np.mean([judged_in_folds(rng, groups, size, MANY).right[:, :MANY] for _ in range(samples)]))


# --- what is claimed of twice the covers -----------------------------------------------------------------

CURVE_COLUMNS = 24
CURVE_SIZES = np.array([50, 80, 125, 200, 320])


def twice(covers: int, gain: float) -> Callable[..., Found]:
    """Learning curves over five folds: the interval of what twice the covers would bring.

    Args:
        covers: of the collection.
        gain: what they bring, from `twice_truth`.
    """

    def simulate(rng: np.random.Generator) -> Found:
        genres, group = rng.integers(0, GENRES, covers), np.arange(covers)
        X = drawn_features(rng, genres, group, 1, CURVE_COLUMNS)
        fold = rng.permutation(covers) % FOLDS
        accuracy = np.empty((FOLDS, len(CURVE_SIZES)))
        for number in range(FOLDS):
            train, test = np.flatnonzero(fold != number), fold == number
            for step, size in enumerate(CURVE_SIZES):
                some = train[:size]
                told = linear_answers(X[:, some], genres[some], X[:, test])[0]
                accuracy[number, step] = (told == genres[test]).mean()
        found = doubling(CURVE_SIZES, accuracy, SHARE, covers / FOLDS, int(rng.integers(2**31)))
        return {
            "interval: gain of twice the covers": found.gain_low <= gain <= found.gain_high,
            "half the width, points: gain of twice the covers": 50 * (found.gain_high - found.gain_low),
        }

    return simulate


def twice_truth(samples: int, seed: int = 7) -> float:
    """The gain from the largest of `CURVE_SIZES` to twice that, over many training sets."""
    rng, largest = np.random.default_rng(seed), int(CURVE_SIZES[-1])
    gains = []
    for _ in range(samples):
        genres, group = rng.integers(0, GENRES, 2 * largest + 2000), np.arange(2 * largest + 2000)
        X = drawn_features(rng, genres, group, 1, CURVE_COLUMNS)
        told = [linear_answers(X[:, :n], genres[:n], X[:, 2 * largest :])[0] for n in (largest, 2 * largest)]
        once, double = ((answer == genres[2 * largest :]).mean() for answer in told)
        gains.append(double - once)
    return float(np.mean(gains))


def _inside(true: float, found: Interval) -> bool:
    return found.low <= true <= found.high


def _holds(row: Mapping[Any, float], true: float) -> bool:
    return bool(row["low"] <= true <= row["high"])


WANTED = {
    "rejects": "at most 0.065",
    "interval": "0.94 to 0.99",
    "at least": "at least 0.94",
    "found": "as many as can be",
    "too good, points": "0",
    "power, printed less had": "-0.1 to 0.05",
    "sets by genre hold": "at least 0.9",
    "marginal sets hold": "at least 0.9",
    "thresholds by genre break 20 %": "at most 0.1",
    "one threshold breaks 20 %": "at most 0.1",
}
