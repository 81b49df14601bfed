"""From outcomes to the tables of an ablation: paired comparisons, genres, leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from coverfusion.experiments.ablation.designs import (
    HALVES,
    Units,
    families_of,
    halves,
    without,
    without_family,
)
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric, metric_interval
from coverfusion.experiments.evaluation.rope import correlated_t_rope
from coverfusion.experiments.evaluation.statistics import (
    corrected_t_test,
    group_weights,
    holm,
    mcnemar_test,
    score_interval,
    widening,
)
from coverfusion.experiments.pipeline.fold_scores import Outcome, genre_columns
from coverfusion.experiments.pipeline.predicted_genres import has_genre
from coverfusion.fusion.prior import Prior

NOTHING: Units = ()
EVERY_GENRE = "every genre"  # the guess for covers that may have several
Key = tuple[str, Units]  # classifier, units
Outcomes = Mapping[Key, Outcome]
Blocks = Mapping[str, Sequence[str]]  # block -> its columns


@dataclass(frozen=True)
class Study:
    """What all tables are made from.

    Attributes:
        outcomes: of every classifier on every set of units; `("", ())` knows nothing of a cover.
        blocks: classifier -> block -> its columns, for the blocks that it can see.
        truth: (n,) true codes of the tested covers; of covers of several genres (n, k) bool.
        genres: their names; of some no cover may be tested.
        groups: (n,) their codes.
        weights: (resamples, n) of the group bootstrap, the same for all comparisons.
        folds: of one repeat.
        metric: that sets are ranked and compared by.
        prior: that probabilities answer to.
    """

    outcomes: Outcomes
    blocks: Mapping[str, Blocks]
    truth: np.ndarray
    genres: Sequence[str]
    groups: np.ndarray
    weights: np.ndarray
    folds: int
    metric: Metric
    prior: Prior = "natural"

    @property
    def test_share(self) -> float:
        """n_test / n_train."""
        return 1 / (self.folds - 1)

    @property
    def nothing(self) -> str:
        """What the empty set is called."""
        if self.sets:
            return EVERY_GENRE
        return "largest genre" if self.prior == "natural" else "guess by the prior"

    @property
    def sets(self) -> bool:
        """Whether covers may have several genres."""
        return self.truth.ndim == 2

    @property
    def has(self) -> np.ndarray:
        """(n, k) float: 1 where a cover has a genre."""
        return has_genre(self.truth, len(self.genres))

    @property
    def classifiers(self) -> list[str]:
        """Their names."""
        return list(dict.fromkeys(name for name, _ in self.outcomes if name))

    @property
    def tested(self) -> dict[int, str]:
        """Code -> name of the genres that scores speak of."""
        return {int(code): self.genres[code] for code in np.flatnonzero(self.has.any(axis=0)).tolist()}

    def every(self, classifier: str) -> Units:
        """All blocks that a classifier can see."""
        return tuple(self.blocks[classifier])

    def outcome(self, classifier: str, units: Units) -> Outcome:
        """The empty set knows nothing, whatever the classifier."""
        return self.outcomes[(classifier, units) if units else ("", NOTHING)]

    def sums(self, outcome: Outcome) -> np.ndarray:
        """(n, s) what each cover adds to the metric's sums."""
        return outcome.sums(self.metric, self.truth, len(self.genres))

    def value(self, sums: np.ndarray) -> float:
        """The metric over all covers and repeats."""
        return float(self.metric.value(sums.sum(axis=0, keepdims=True))[0])

    def metric_interval(self, value: float, resampled: np.ndarray) -> tuple[float, float]:
        """Of the metric of all covers."""
        return metric_interval(
            self.metric, value, resampled, self._resting(self.metric), widening(self.folds)
        )

    def fitted(self, classifier: str, units: Units) -> bool:
        """Whether that set was fitted."""
        return not units or (classifier, units) in self.outcomes

    def interval(self, value: float, resampled: np.ndarray) -> tuple[float, float]:
        """Of a score of all covers."""
        return score_interval(value, resampled, len(np.unique(self.groups)), widening(self.folds))

    def f1_interval(self, value: float, resampled: np.ndarray) -> tuple[float, float]:
        """Of macro F1 of all covers."""
        resting = self._resting(METRICS["macro_f1"])
        return score_interval(value, resampled, resting, widening(self.folds))

    def _resting(self, metric: Metric) -> float:
        """How many groups a metric rests on."""
        if metric.is_mean or metric.name == "micro_f1":
            return len(np.unique(self.groups))
        own = self.has
        return metric.groups(np.hstack([own, own, own]), self.groups)

    def covers_a_fold(self, code: int | None = None) -> float:
        """How many covers a fold tests on average, of all genres or of one."""
        own = len(self.truth) if code is None else int(self.has[:, code].sum())
        return own / self.folds


def make_study(
    outcomes: Outcomes,
    blocks: Mapping[str, Blocks],
    truth: np.ndarray,
    genres: Sequence[str],
    groups: np.ndarray,
    folds: int,
    seed: int,
    metric: Metric = METRICS["accuracy"],
    prior: Prior = "natural",
) -> Study:
    """A study with its bootstrap weights; `folds` of one repeat."""
    codes = np.unique(groups, return_inverse=True)[1]
    return Study(outcomes, blocks, truth, genres, codes, group_weights(codes, seed), folds, metric, prior)


def ablation_table(study: Study) -> pd.DataFrame:
    """One row a model, set of units and fold."""
    frames = [
        outcome.folds.assign(classifier=classifier or study.nothing, units=joined_units(units))
        for (classifier, units), outcome in study.outcomes.items()
    ]
    table = pd.concat(frames, ignore_index=True)
    untested = set(study.genres) - set(study.tested.values())
    table = table.drop(columns=genre_columns(untested))
    return table[["classifier", "units", *[c for c in table.columns if c not in ("classifier", "units")]]]


def joined_units(units: Units) -> str:
    """`cnn+ocr`; "none" for the empty set."""
    return "+".join(units) or "none"


def ablation_leaderboard(study: Study) -> pd.DataFrame:
    """One row a model and set of units: accuracy, macro F1 and the metric with intervals; best first."""
    rows = []
    for (classifier, units), outcome in study.outcomes.items():
        right = outcome.right(study.truth).mean(axis=0)
        accuracy = study.weights @ right / study.weights.sum(axis=1)
        low, high = study.interval(float(right.mean()), accuracy)
        exact, resampled = genre_f1(study, outcome)
        f1 = float(np.nanmean(exact))
        f1_low, f1_high = study.f1_interval(f1, np.nanmean(resampled, axis=1))
        sums, column = study.sums(outcome), study.metric.column
        value = study.value(sums)
        ends = study.metric_interval(value, study.metric.value(study.weights @ sums))
        rows.append(
            {
                "classifier": classifier or study.nothing,
                "units": joined_units(units),
                column: value,
                f"{column}_low": ends[0],
                f"{column}_high": ends[1],
                "accuracy": float(right.mean()),
                "accuracy_low": low,
                "accuracy_high": high,
                "f1_macro": f1,
                "f1_macro_low": f1_low,
                "f1_macro_high": f1_high,
                "seconds": float(outcome.folds["seconds"].sum()),
            }
        )
    rising = not study.metric.higher_is_better
    return pd.DataFrame(rows).sort_values(study.metric.column, ascending=rising, ignore_index=True)


def genre_f1(study: Study, outcome: Outcome) -> tuple[np.ndarray, np.ndarray]:
    """F1 of each genre over all repeats: (k,) exact and (resamples, k) resampled.

    NaN of genres that are not tested, or not drawn.
    """
    count = len(study.genres)
    hits = np.zeros((len(study.truth), count))
    predicted = np.zeros((len(study.truth), count))
    for codes in outcome.predicted:
        named = has_genre(codes, count)
        predicted += named
        hits += named * study.has
    support = study.has * len(outcome.predicted)
    # one resample of weight 1 for every cover gives the exact value
    weights = np.vstack([np.ones(len(study.truth)), study.weights])
    true, named, hit = weights @ support, weights @ predicted, weights @ hits
    f1 = np.divide(2 * hit, true + named, out=np.full_like(hit, np.nan), where=true > 0)
    return f1[0], f1[1:]


def planned_pairs(study: Study, designs: Sequence[str], paths: Mapping[str, list[Units]]) -> pd.DataFrame:
    """The comparisons that the designs ask, one row each.

    Args:
        study: whose outcomes are there.
        designs: which.
        paths: classifier -> the steps of its greedy path.

    Returns:
        `design`, `unit` (the block or family in question), `classifier` and `other` (whose sets `first` and
        `second` are, as tuples).
    """
    rows: list[tuple[str, str, str, str, Units, Units]] = []
    for name in study.classifiers:
        every = study.every(name)
        for block in every:
            if "alone" in designs:
                rows.append(("block alone against chance", block, name, name, (block,), NOTHING))
            if "alone" in designs and len(every) > 1:
                rows.append(("all against block alone", block, name, name, every, (block,)))
            if "without" in designs and len(every) > 1:
                rows.append(("all against all but block", block, name, name, every, without(every, block)))
        for design, compared in HALVES.items():
            if design in designs:
                for half, own in halves(design, every).items():
                    rows.append((compared, half, name, name, every, own))
        if "families" in designs:
            for block, units in families_of(study.blocks[name]).items():
                for unit in units:
                    rest = without_family(every, block, units, unit)
                    rows.append(("family alone against chance", unit, name, name, (unit,), NOTHING))
                    rows.append(("all against all but family", unit, name, name, every, rest))
        steps = [NOTHING, *paths.get(name, [])]
        for old, new in pairwise(steps):
            added = next(unit for unit in new if unit not in old)
            rows.append(("greedy step", added, name, name, new, old))
    for first, second in combinations(study.classifiers, 2):
        rows.append(("classifiers", "", first, second, study.every(first), study.every(second)))
    return pd.DataFrame(rows, columns=["design", "unit", "classifier", "other", "first", "second"])


def compare_sets(study: Study, pairs: pd.DataFrame, rope: float | None = None) -> pd.DataFrame:
    """The paired comparison of each planned pair; Holm's correction runs over each design.

    Args:
        study: whose outcomes are there.
        pairs: from `planned_pairs`.
        rope: a difference that does not matter, in the metric's unit; None: a point, of losses none.

    Returns:
        The pairs with `difference` (how much better the first is in the metric, the folds' mean), `low`,
        `high`, `p` and `detectable` by the corrected t-test, `p_holm`, the probabilities `equal`,
        `first_better` and `second_better` by the Bayesian correlated t-test (NaN where nothing says which
        differences matter), and McNemar's counts `only_first` and `only_second` on the first repeat.
    """
    rows = []
    for classifier, other, first, second in pairs[["classifier", "other", "first", "second"]].to_numpy():
        rows.append(paired(study, study.outcome(classifier, first), study.outcome(other, second), rope))
    table = pd.concat([pairs.reset_index(drop=True), pd.DataFrame(rows)], axis=1)
    if len(table):
        table["p_holm"] = table.groupby("design")["p"].transform(lambda p: holm(p.to_numpy()))
        table["first"], table["second"] = table["first"].map(joined_units), table["second"].map(joined_units)
    return table


def paired(study: Study, first: Outcome, second: Outcome, rope: float | None = None) -> dict[str, float]:
    """All that is said of one pair; differences say how much better the first is."""
    by_fold = better_folds(study, first, "all") - better_folds(study, second, "all")
    covers, rope = study.covers_a_fold(), study.metric.rope(rope)
    step = study.metric.step(covers)
    test = corrected_t_test(by_fold, study.test_share, covers, step, study.metric.most)
    practical = correlated_t_rope(by_fold, study.test_share, covers, rope, step)
    only_first, only_second, _ = mcnemar_test(first.right(study.truth)[0], second.right(study.truth)[0])
    return {
        "difference": test.difference,
        "low": test.low,
        "high": test.high,
        "p": test.p,
        "detectable": test.detectable,
        "equal": practical.equal,
        "first_better": practical.first,
        "second_better": practical.second,
        "only_first": only_first,
        "only_second": only_second,
    }


def genre_table(study: Study) -> pd.DataFrame:
    """What each genre loses in F1 when a block is taken away: one row a classifier, block and genre.

    `loss`, `low`, `high` and `p` are the corrected t-test's over the folds, `p_holm` is corrected over blocks
    and genres of a classifier.
    """
    rows = []
    for classifier in study.classifiers:
        every = study.every(classifier)
        full = study.outcome(classifier, every)
        for block in every:
            rest = without(every, block)
            if not rest or not study.fitted(classifier, rest):
                continue
            outcome = study.outcome(classifier, rest)
            for code, genre in study.tested.items():
                column = f"f1_{genre}"
                by_fold = full.folds[column].to_numpy() - outcome.folds[column].to_numpy()
                covers = study.covers_a_fold(code)
                step, most = METRICS["macro_f1"].step(covers), METRICS["macro_f1"].most
                test = corrected_t_test(by_fold, study.test_share, covers, step, most)
                rows.append((classifier, block, genre, test.difference, test.low, test.high, test.p))
    table = pd.DataFrame(rows, columns=["classifier", "block", "genre", "loss", "low", "high", "p"])
    table["p_holm"] = table.groupby("classifier")["p"].transform(lambda p: holm(p.to_numpy()))
    return table


def better_folds(study: Study, outcome: Outcome, genre: str) -> np.ndarray:
    """(folds,) the metric so that more is better, or the recall of a genre other than "all".

    Of covers of several genres it is the genre's F1: whoever calls covers everything has all its recall.
    """
    if genre != "all":
        return outcome.folds[f"{'f1' if study.sets else 'recall'}_{genre}"].to_numpy()
    return study.metric.better(outcome.folds[study.metric.column].to_numpy())
