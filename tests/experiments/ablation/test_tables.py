"""The tables of an ablation in every metric, on outcomes that are made up."""

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.ablation.shapley_tables import shapley_table
from coverfusion.experiments.ablation.tables import (
    ablation_leaderboard,
    compare_sets,
    make_study,
    planned_pairs,
)
from coverfusion.experiments.evaluation.chosen_metric import LOSSES, METRICS, cover_losses
from coverfusion.experiments.pipeline.cached_fits import Part
from coverfusion.experiments.pipeline.fold_scores import Fold, Outcome, fold_scores, nothing_known

GENRES, SHARES, COVERS, FOLDS = ["dub", "opera", "techno"], [0.6, 0.2, 0.2], 120, 3


def outcome(truth: np.ndarray, strength: float, rng: np.random.Generator) -> Outcome:
    """Two repeats of predictions that tell the genre the better the larger `strength` is."""
    predicted = np.zeros((2, COVERS), int)
    losses = np.zeros((2, COVERS, len(LOSSES)))
    rows = []
    for repeat in range(2):
        logits = strength * np.eye(3)[truth] + rng.normal(size=(COVERS, 3)) + np.log(SHARES)
        proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        predicted[repeat], losses[repeat] = proba.argmax(axis=1), cover_losses(truth, proba)
        for fold in range(FOLDS):
            own = np.arange(COVERS) % FOLDS == fold
            scores = fold_scores(truth[own], predicted[repeat][own], proba[own], GENRES)
            rows.append({"repeat": repeat, "fold": fold, **scores, "seconds": 1.0})
    return Outcome(predicted, losses, pd.DataFrame(rows))


@pytest.mark.parametrize("name", METRICS)
def test_more_is_better_and_values_add_up_in_every_metric(name: str) -> None:
    rng, metric = np.random.default_rng(0), METRICS[name]
    truth = rng.choice(3, COVERS, p=SHARES)
    outcomes = {
        ("", ()): outcome(truth, 0.0, rng),
        ("svc", ("cnn", "ocr")): outcome(truth, 2.0, rng),
        ("svc", ("cnn",)): outcome(truth, 1.5, rng),
        ("svc", ("ocr",)): outcome(truth, 0.5, rng),
    }
    blocks = {"svc": {"cnn": ["a"], "ocr": ["b"]}}
    study = make_study(outcomes, blocks, truth, GENRES, np.arange(COVERS), FOLDS, 0, metric)
    board = ablation_leaderboard(study).set_index("units")[metric.column]
    assert board.index.tolist() == ["cnn+ocr", "cnn", "ocr", "none"]
    table = compare_sets(study, planned_pairs(study, ["alone"], {})).set_index(["design", "unit"])
    # differences are means over the folds, so that their interval and p are of the same number
    folds = {units: metric.better(of.folds[metric.column].mean()) for (_, units), of in outcomes.items()}
    gain = folds["cnn",] - folds[()]
    assert table.loc[("block alone against chance", "cnn"), "difference"] == pytest.approx(gain)
    assert (table["low"] <= table["difference"]).all()
    assert (table["difference"] <= table["high"]).all()
    values = shapley_table(study).query("genre == 'all'").set_index("block")["value"]
    assert values.sum() == pytest.approx(folds["cnn", "ocr"] - folds[()])
    assert values["cnn"] > values["ocr"]


def test_who_knows_nothing_guesses_by_the_prior() -> None:
    ids = pd.Index([f"{n:04d}" for n in range(1000)])
    genre = pd.Series(["dub"] * 800 + ["opera"] * 100 + ["techno"] * 100, ids).sample(frac=1, random_state=0)
    fold = Fold(0, 0, Part("fold", genre.index[500:].tolist(), {"test": genre.index[:500].tolist()}))
    tested = pd.Index(genre.index[:500])
    natural = nothing_known(genre, [fold], tested, GENRES).folds.iloc[0]
    assert natural["accuracy"] == pytest.approx((genre[tested] == "dub").mean())
    assert natural["balanced_accuracy"] == pytest.approx(1 / 3)
    balanced = nothing_known(genre, [fold], tested, GENRES, "balanced").folds.iloc[0]
    assert balanced["accuracy"] == pytest.approx(1 / 3, abs=0.07)
    assert balanced["log_loss"] == pytest.approx(np.log(3))
    given = nothing_known(genre, [fold], tested, GENRES, {"dub": 1, "opera": 3, "techno": 1}).folds.iloc[0]
    assert given["accuracy"] == pytest.approx((genre[tested] == "opera").mean())
