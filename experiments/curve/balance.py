"""Genres of unequal size: training as it is, with class weights, or with copies of the rarer ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError, did_you_mean, needs_extra
from coverfusion.data.genre_sets import Labels
from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.evaluation.chosen_metric import LOSSES
from coverfusion.experiments.evaluation.rope import correlated_t_rope
from coverfusion.experiments.evaluation.statistics import corrected_t_test, holm
from coverfusion.fusion.registry import parameters_of

BALANCES = {
    "none": "no balancing",
    "weights": "class weights",
    "oversample": "rarer genres drawn again",
}


def check_balances(balances: Sequence[str], classifiers: Sequence[str], labels: Labels = "one") -> None:
    """Refuses what is unknown or not installed, and class weights for a classifier that takes none.

    Covers of several genres cannot be balanced: more of one genre is more of another.

    Args:
        balances: out of `BALANCES`.
        classifiers: registered names; means of others need no weights of their own.
        labels: genres of a cover.

    Raises:
        UserError: the message names the option.
    """
    for balance in balances:
        if balance not in BALANCES:
            raise UserError(f"--balance {balance}: unknown.{did_you_mean(balance, BALANCES)}")
        if balance != "none" and labels == "many":
            raise UserError(
                f"--balance {balance}: with labels: many a cover counts for several genres, so that none can "
                f"be balanced alone. Take --balance none: thresholds are learnt for each genre."
            )
    if "oversample" in balances:
        needs_extra("balance", "--balance oversample")
    for name in classifiers if "weights" in balances else ():
        if "class_weight" not in parameters_of(name):
            raise UserError(
                f"--balance weights: classifier '{name}' has no class_weight. "
                f"Leave it out, or take --balance oversample."
            )


def balanced_parameters(name: str, parameters: Mapping[str, Any], balance: str) -> dict[str, Any]:
    """A classifier's parameters with its class weights switched on or off; others are kept.

    Weights that `parameters` gives for certain genres stand as they are under "weights".
    """
    if "class_weight" not in parameters_of(name):
        return dict(parameters)
    weights = (parameters.get("class_weight") or "balanced") if balance == "weights" else None
    return {**parameters, "class_weight": weights}


def oversampled(ids: Sequence[str], genres: Sequence[str], seed: int) -> list[str]:
    """The covers of a training fold with copies, drawn at random, until all genres are as frequent.

    By imbalanced-learn's `RandomOverSampler`. A copy has the cover's own id, and so its group: no inner
    split can put the two on different sides.

    Args:
        ids: n covers of one training fold.
        genres: their n genres.
        seed: of the draws.

    Returns:
        The n ids, then the copies.
    """
    from imblearn.over_sampling import RandomOverSampler

    sampler = RandomOverSampler(random_state=seed)
    order = np.argsort(np.asarray(ids))  # the order of the ids has no say
    sampler.fit_resample(order[:, None], np.asarray(genres)[order])
    return [*ids, *(ids[order[position]] for position in sampler.sample_indices_[len(ids) :])]


def balance_table(
    curve: pd.DataFrame, pooled: pd.DataFrame, test_share: float, against: str = "none"
) -> pd.DataFrame:
    """What balancing gives and costs where all covers are learnt from.

    Args:
        curve: one row a fold (`experiments.curve.study`).
        pooled: one row a classifier, balance, size, genre and score, with intervals.
        test_share: n_test / n_train of the cross-validation.
        against: the balance that others are compared with, fold by fold.

    Returns:
        The pooled rows of the largest size with `difference`, `difference_low`, `difference_high` and `p`
        (corrected resampled t-test), `p_holm`, corrected over the genres of a score, and `equal`, the
        probability that the difference is within a point; NaN in the rows of
        `against`, and everywhere if it was not tried.
    """
    largest = curve[curve["size"] == curve["size"].max()].set_index(["classifier", "balance"]).sort_index()
    table = pooled[pooled["size"] == pooled["size"].max()].drop(columns="size").copy()
    differences = []
    for row in table.itertuples():
        column = f"{row.score}_{row.genre}" if row.genre else row.score
        interval = (np.nan,) * 5
        if row.balance != against and (row.classifier, against) in largest.index:
            folds = [
                largest.loc[(row.classifier, balance)].sort_values(["repeat", "fold"])[column].to_numpy()
                for balance in (row.balance, against)
            ]
            covers = row.covers * test_share / (1 + test_share)
            # a loss has no points, and one cover may change it by any amount
            rope, step, most = (math.nan, 0.0, math.inf) if row.score in LOSSES else (ROPE, 1 / covers, 1.0)
            test = corrected_t_test(folds[0] - folds[1], test_share, covers, step, most)
            equal = correlated_t_rope(folds[0] - folds[1], test_share, covers, rope, step).equal
            interval = (test.difference, test.low, test.high, test.p, equal)
        differences.append(interval)
    names = ["difference", "difference_low", "difference_high", "p", "equal"]
    table[names] = np.array(differences).reshape(-1, 5)
    together = table.assign(whole=table["genre"] == "").groupby(["classifier", "balance", "score", "whole"])
    table["p_holm"] = together["p"].transform(_holm)
    return table.reset_index(drop=True)


def _holm(p: pd.Series) -> np.ndarray:
    """Corrected together; NaN where nothing was compared."""
    return p.to_numpy() if p.isna().any() else holm(p.to_numpy())
