"""Interactions of blocks whose truth is planted: copies, blocks that need each other, blocks apart."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.ablation.charts import interaction_map
from coverfusion.experiments.ablation.interactions import interaction_sentences
from coverfusion.experiments.ablation.shapley_tables import interaction_table, shapley_table
from coverfusion.experiments.ablation.tables import Outcomes, Study, make_study
from coverfusion.experiments.evaluation.chosen_metric import METRICS, cover_losses
from coverfusion.experiments.evaluation.shapley import subsets
from coverfusion.experiments.pipeline.fold_scores import Outcome, fold_scores
from coverfusion.fusion.registry import create

FOLDS, REPEATS = 5, 2


def refitted(blocks: Mapping[str, np.ndarray], genres: np.ndarray, classifier: str) -> Study:
    """All subsets of the blocks, fitted over repeated folds as an ablation does."""
    frames = {
        name: pd.DataFrame(values, columns=[f"{name}.{k}" for k in range(values.shape[1])], dtype=np.float32)
        for name, values in blocks.items()
    }
    names = sorted(set(genres))
    truth = np.array([names.index(genre) for genre in genres])
    rng, count = np.random.default_rng(0), len(genres)
    folds = [rng.permutation(count) % FOLDS for _ in range(REPEATS)]
    outcomes: dict[tuple[str, tuple[str, ...]], Outcome] = {}
    for units in subsets(list(blocks)):
        predicted, losses, rows = np.zeros((REPEATS, count), int), np.zeros((REPEATS, count, 2)), []
        for repeat, number in ((r, k) for r in range(REPEATS) for k in range(FOLDS)):
            train, test = folds[repeat] != number, folds[repeat] == number
            proba = np.tile(np.bincount(truth[train]) / train.sum(), (test.sum(), 1))
            if units:
                X = pd.concat([frames[name] for name in units], axis=1)
                proba = create(classifier).fit(X[train], genres[train]).predict_proba(X[test])
            predicted[repeat, test], losses[repeat, test] = (
                proba.argmax(axis=1),
                cover_losses(truth[test], proba),
            )
            scores = fold_scores(truth[test], predicted[repeat, test], proba, names)
            rows.append({"repeat": repeat, "fold": number, **scores, "seconds": 0.0})
        outcomes[classifier if units else "", units] = Outcome(predicted, losses, pd.DataFrame(rows))
    columns = {classifier: {name: list(frame) for name, frame in frames.items()}}
    return make_study(outcomes, columns, truth, names, np.arange(count), FOLDS, 0)


def pairs_of(study: Study) -> pd.DataFrame:
    table = interaction_table(study).query("genre == 'all'")
    return table.set_index(table["block"] + " " + table["other"])


@pytest.fixture(scope="module")
def copied() -> Study:
    rng, genres = np.random.default_rng(3), np.repeat(["dub", "opera", "techno"], 150)
    strong = rng.normal(size=(450, 4)) + 1.1 * np.eye(3)[np.repeat([0, 1, 2], 150)] @ rng.normal(size=(3, 4))
    noisy = strong + 0.4 * rng.normal(size=strong.shape)
    noise = rng.normal(size=(450, 3))
    return refitted({"cnn": strong, "copy": noisy, "noise": noise}, genres, "logistic")


def test_a_block_and_its_noisy_copy_say_the_same(copied: Study) -> None:
    values = shapley_table(copied).query("genre == 'all'").set_index("block")["value"]
    assert values["cnn"] > 0.1
    assert values["copy"] > 0.1
    pairs = pairs_of(copied)
    found = pairs.loc["cnn copy"]
    # leaving either out costs next to nothing, though each has a large value
    assert found["block_without_other"] > 0.2
    assert found["other_beside_block"] < 0.03
    assert found["high"] < -0.2
    assert found["p_holm"] < 0.001
    assert found["block_beside_other"] - found["block_without_other"] == pytest.approx(found["interaction"])
    sentences = interaction_sentences(interaction_table(copied), METRICS["accuracy"])
    assert sentences[0].startswith("cnn and copy say the same (logistic): copy brings +")
    for name in ("cnn noise", "copy noise"):
        assert abs(pairs.loc[name, "interaction"]) < 0.03
    assert len(sentences) == (pairs["p_holm"] < 0.05).sum()


def test_pairs_of_each_genre_have_intervals_too(copied: Study) -> None:
    table = interaction_table(copied)
    assert table["genre"].unique().tolist() == ["all", "dub", "opera", "techno"]
    assert (table["low"] <= table["interaction"]).all()
    assert (table["interaction"] <= table["high"]).all()
    assert (table["p"] <= table["p_holm"]).all()


def test_blocks_that_only_work_together_have_a_positive_interaction() -> None:
    rng = np.random.default_rng(4)
    bits = rng.integers(0, 2, (300, 2))
    left, right = (2.0 * bits[:, [k]] - 1 + 0.3 * rng.normal(size=(300, 1)) for k in (0, 1))
    genres = np.array(["dub", "opera"])[bits[:, 0] ^ bits[:, 1]]
    study = refitted({"left": left, "right": right}, genres, "knn")
    found = pairs_of(study).loc["left right"]
    assert found["low"] > 0.3
    assert abs(found["block_without_other"]) < 0.1
    (sentence,) = interaction_sentences(interaction_table(study), METRICS["accuracy"])
    assert "left and right work together (knn)" in sentence


def test_nothing_is_said_of_blocks_that_add_up() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 400)
    genres = np.array(["dub", "opera"])[truth]
    # each block sees the genre of other covers, and nothing of the rest
    seen = np.arange(400) % 4
    left, right = (((2.0 * truth - 1) * (seen == k))[:, None] for k in (0, 1))
    study = refitted({"left": left, "right": right}, genres, "logistic")
    found = pairs_of(study).loc["left right"]
    assert found["low"] < 0 < found["high"]
    assert found["block_without_other"] > 0.05
    assert interaction_sentences(interaction_table(study), METRICS["accuracy"]) == []


def test_the_heat_map_is_the_same_on_both_sides(copied: Study) -> None:
    table = interaction_table(copied).query("genre == 'all'")
    cells = interaction_map(table, "logistic", METRICS["accuracy"]).cells
    assert [[cell is None for cell in row] for row in cells] == [[x == y for x in range(3)] for y in range(3)]
    assert all(cells[x][y] == cells[y][x] for x in range(3) for y in range(3))
    sure = cells[0][1]
    assert sure is not None
    assert (sure.text[-1], sure.strong, sure.depth) == ("*", True, -1.0)  # a copy: they bring less together


def test_without_all_subsets_or_with_one_block_there_is_no_table(copied: Study) -> None:
    some = {key: outcome for key, outcome in copied.outcomes.items() if key[1] != ("cnn", "noise")}
    assert interaction_table(_with(copied, some)).empty
    alone = {key: outcome for key, outcome in copied.outcomes.items() if key[1] in ((), ("cnn",))}
    single = _with(copied, alone, {"logistic": {"cnn": ["cnn.0"]}})
    assert interaction_table(single).empty
    assert len(shapley_table(single)) == 4


def _with(
    study: Study, outcomes: Outcomes, blocks: Mapping[str, Mapping[str, list[str]]] | None = None
) -> Study:
    own = blocks or study.blocks
    return make_study(outcomes, own, study.truth, study.genres, study.groups, study.folds, 0)


def test_the_largest_interaction_is_said_first() -> None:
    rows = pd.DataFrame(
        {
            "classifier": "svc",
            "genre": ["all", "all", "all", "dub"],
            "block": ["cnn", "cnn", "ocr", "cnn"],
            "other": ["ocr", "color", "color", "ocr"],
            "interaction": [-0.02, -0.05, 0.04, -0.5],
            "low": -0.1,
            "high": 0.1,
            "p_holm": [0.01, 0.001, 0.2, 0.001],
            "block_without_other": 0.2,
            "block_beside_other": 0.1,
            "other_without_block": [0.1, 0.055, 0.1, 0.1],
            "other_beside_block": [0.08, 0.005, 0.1, 0.1],
        }
    )
    said = interaction_sentences(rows, METRICS["accuracy"])
    assert [sentence.split(" (")[0] for sentence in said] == [
        "cnn and color say the same",
        "cnn and ocr overlap",
    ]
