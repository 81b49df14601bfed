"""Genres of unequal size, simulated: tests in every metric, and what Shapley values say of planted blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from coverfusion.experiments.bench.simulated_covers import FOLDS, LEVEL, SHARE, Found
from coverfusion.experiments.evaluation.best_of_many import metric_differences
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric, cover_losses
from coverfusion.experiments.evaluation.compared import compared_by_groups
from coverfusion.experiments.evaluation.metrics import score_predictions
from coverfusion.experiments.evaluation.shapley import shapley_values, subsets
from coverfusion.experiments.evaluation.statistics import corrected_t_test
from coverfusion.experiments.pipeline.cached_fits import Part
from coverfusion.experiments.pipeline.fold_scores import Fold, fold_scores, nothing_known
from coverfusion.fusion.prior import Prior, prior_shares, shifted

PROPORTIONS = np.array([0.8, 0.1, 0.1])
GENRES = ["a", "b", "c"]
COVERS, COLUMNS = 600, 4
TRUTH_COVERS = 200_000  # that say what such a model reaches
STRENGTHS = {"strong": 1.0, "weak": 0.6, "noise": 0.0}  # of the blocks


def every_metric(groups: int, size: int, models: int = 5) -> Callable[[np.random.Generator], Found]:
    """Equally good models: two compared by each metric, all of them with the best, intervals of the first.

    Args:
        groups: how many.
        size: covers in each.
        models: how many; the first two are compared.
    """
    many_truth, (one,) = _equal_models(np.random.default_rng(6), TRUTH_COVERS, 1, 1)
    true = {m.name: float(m.value(_sums(m, many_truth, one).sum(axis=0)[None])[0]) for m in METRICS.values()}
    of = np.repeat(np.arange(groups), size)

    def simulate(rng: np.random.Generator) -> Found:
        truth, proba = _equal_models(rng, groups, size, models)
        seed, found = int(rng.integers(2**31)), {}
        names = np.asarray(GENRES)[truth]
        scores = score_predictions(names, proba[0], GENRES, of, seed).overall
        for metric in METRICS.values():
            row = scores.loc[metric.column]
            held = row["low"] <= true[metric.name] <= row["high"]
            found[f"interval: {metric.label}, one of these models"] = bool(held)
            sums = np.stack([_sums(metric, truth, one) for one in proba], axis=1)
            test, method = compared_by_groups(metric, (sums[:, 0], sums[:, 1]), of, seed)
            many = metric_differences(metric, sums, of, seed)
            best = int(metric.better(metric.value(sums.sum(axis=0))).argmax())
            found[f"rejects: {metric.label}, {method}"] = test.p < LEVEL
            found[f"rejects: {metric.label}, surely worse than the best of {models}"] = any(
                many.interval(other, best).high < 0 for other in range(models)
            )
        return found

    return simulate


def planted_blocks(prior: Prior) -> Callable[[np.random.Generator], Found]:
    """Two blocks that tell the genre and one of noise, over folds: which Shapley values are significant.

    Args:
        prior: that probabilities answer to.
    """
    signal = np.random.default_rng(1).normal(size=(len(GENRES), COLUMNS))

    def simulate(rng: np.random.Generator) -> Found:
        y = rng.choice(len(GENRES), COVERS, p=PROPORTIONS)
        drawn = {
            name: strength * signal[y] + rng.normal(size=(COVERS, COLUMNS))
            for name, strength in STRENGTHS.items()
        }
        fold = rng.permutation(COVERS) % FOLDS
        names = list(drawn)
        scores = {
            some: [_scores(drawn, some, y, fold == number, prior) for number in range(FOLDS)]
            for some in subsets(names)
        }
        found = {}
        for metric in METRICS.values():
            by_fold = {
                some: metric.better(np.array([row[metric.column] for row in rows]))
                for some, rows in scores.items()
            }
            for name, values in shapley_values(names, by_fold).items():
                test = corrected_t_test(values, SHARE, COVERS / FOLDS)
                claim = "rejects" if name == "noise" else "found"
                right = test.p < LEVEL and (name == "noise" or test.low > 0)
                found[f"{claim}: {name} block, {metric.label}"] = right
        return found

    return simulate


def _equal_models(
    rng: np.random.Generator, groups: int, size: int, models: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) true codes of covers in groups, and (models, n, 3) probabilities of equally good models."""
    of = np.repeat(np.arange(groups), size)
    truth = rng.choice(len(GENRES), groups, p=PROPORTIONS)[of]
    logits = 1.2 * np.eye(len(GENRES))[truth] + np.log(PROPORTIONS)
    logits = logits + rng.normal(size=(models, groups, 3))[:, of]
    logits = logits + 0.5 * rng.normal(size=logits.shape)
    return truth, np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)


def _sums(metric: Metric, truth: np.ndarray, proba: np.ndarray) -> np.ndarray:
    return metric.sums(truth, proba.argmax(axis=1), cover_losses(truth, proba), len(GENRES))


def _scores(
    drawn: Mapping[str, np.ndarray], some: tuple[str, ...], y: np.ndarray, test: np.ndarray, prior: Prior
) -> dict[str, float]:
    """Scores of a linear model on some blocks in one fold; on none, of what an ablation takes for nothing."""
    names = np.asarray(GENRES)[y]
    if not some:
        ids = pd.Index([str(cover) for cover in range(len(y))])
        part = Part("fold", ids[~test].tolist(), {"test": ids[test].tolist()})
        found = nothing_known(pd.Series(names, ids), [Fold(0, 0, part)], ids, GENRES, prior).folds.iloc[0]
        return {metric.column: float(found[metric.column]) for metric in METRICS.values()}
    X = np.hstack([drawn[name] for name in some])
    learnt = np.bincount(y[~test], minlength=len(GENRES)) / (~test).sum()
    wanted = prior_shares(prior, names[~test].tolist())
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    proba = model.fit(X[~test], y[~test]).predict_proba(X[test])
    proba = shifted(proba, learnt, np.array([wanted[genre] for genre in GENRES]))
    return fold_scores(y[test], proba.argmax(axis=1), proba, GENRES)
