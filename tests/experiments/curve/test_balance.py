"""Class weights and oversampling, and what they are said to give and cost."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.curve.balance import (
    balance_table,
    balanced_parameters,
    check_balances,
    oversampled,
)
from coverfusion.fusion import registry
from coverfusion.fusion.base import BlockClassifier


def test_oversampling_copies_the_rarer_genres_up_to_the_largest() -> None:
    ids, genres = list("abcdefgh"), ["x"] * 5 + ["y"] * 2 + ["z"]
    drawn = oversampled(ids, genres, seed=0)
    assert drawn[:8] == ids
    genre = dict(zip(ids, genres, strict=True))
    assert Counter(genre[cover] for cover in drawn) == {"x": 5, "y": 5, "z": 5}
    assert oversampled(ids, genres, seed=0) == drawn
    assert oversampled(ids, genres, seed=1) != drawn
    assert sorted(oversampled(ids[::-1], genres[::-1], seed=0)) == sorted(drawn)


def test_class_weights_are_switched_and_other_parameters_kept() -> None:
    own = {"C": 2.0}
    assert balanced_parameters("logistic", own, "none") == {"C": 2.0, "class_weight": None}
    assert balanced_parameters("logistic", own, "oversample") == {"C": 2.0, "class_weight": None}
    assert balanced_parameters("logistic", own, "weights") == {"C": 2.0, "class_weight": "balanced"}
    given = {"class_weight": {"Pop": 3.0}}
    assert balanced_parameters("logistic", given, "weights") == given
    assert balanced_parameters("logistic", given, "none") == {"class_weight": None}


def test_what_cannot_be_balanced_is_refused() -> None:
    with pytest.raises(UserError, match=r"--balance weight: unknown\. Did you mean 'weights'"):
        check_balances(["weight"], ["logistic"])

    @registry.register("stubborn")
    class Stubborn(BlockClassifier):
        def __init__(self, *, random_state: int | None = 0) -> None:
            self.random_state = random_state

    try:
        check_balances(["none", "oversample"], ["stubborn"])
        with pytest.raises(UserError, match="'stubborn' has no class_weight"):
            check_balances(["none", "weights"], ["stubborn"])
    finally:
        registry.CLASSIFIERS.unregister("stubborn")


def test_differences_are_paired_by_fold_at_the_largest_size() -> None:
    rows = []
    for balance, shift in (("weights", 0.0), ("none", -0.05)):
        for size in (10, 20):
            for fold in (1, 0):
                accuracy = 0.5 + 0.1 * fold + shift + (0.02 * fold if balance == "weights" else 0)
                rows.append(("svc", balance, size, 0, fold, accuracy if size == 20 else 0.9))
    curve = pd.DataFrame(rows, columns=["classifier", "balance", "size", "repeat", "fold", "accuracy"])
    pooled = curve.groupby(["classifier", "balance", "size"], as_index=False)["accuracy"].mean()
    pooled = pooled.rename(columns={"accuracy": "value"}).assign(genre="", score="accuracy", covers=300)
    table = balance_table(curve, pooled, test_share=0.5).set_index("balance")
    # differences of the folds: 0.05 and 0.07
    half = 12.7062 * 0.02 / np.sqrt(2) * np.sqrt(0.5 + 0.5)
    assert table.loc["weights", "difference"] == pytest.approx(0.06)
    assert table.loc["weights", "difference_low"] == pytest.approx(0.06 - half, abs=1e-5)
    assert table.loc["weights", "difference_high"] == pytest.approx(0.06 + half, abs=1e-5)
    assert np.isnan(table.loc["none", "difference"])
    alone = balance_table(curve[curve["balance"] == "weights"], pooled[pooled["balance"] == "weights"], 0.5)
    assert alone["difference"].isna().all()
