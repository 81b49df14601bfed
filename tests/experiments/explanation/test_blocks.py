"""Contributions of blocks and columns: hand-computed games, and the same law for every classifier."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.explanation.blocks import (
    LOG_PROBABILITY,
    PROBABILITY,
    block_shapley,
    contributions_to,
    without_each,
)
from coverfusion.fusion.bundle import Bundle, load_bundle, save_bundle
from coverfusion.fusion.similarity.training_index import TrainingIndex
from tests.helpers.planted import TABLE_CLASSIFIERS, planted, quick

BLOCKS = {"a": np.array([0, 1]), "b": np.array([2])}
OTHERS = np.array([[0, 0, 1], [2, 0, 3]], np.float32)
ROW = np.array([5, 1, 4], np.float32)


def _bundle(folder: Path, name: str, indexed: bool = True) -> tuple[Bundle, pd.DataFrame]:
    X, y, _ = planted(150)
    ids = [f"c{n}" for n in range(len(X))]
    neighbours = TrainingIndex().fit(X, ids, y.tolist(), ids) if indexed else None
    save_bundle(folder, quick(name).fit(X, y), columns={}, extractors={}, neighbours=neighbours)
    return load_bundle(folder), X


def test_blocks_of_a_sum_get_their_own_share() -> None:
    values, base = block_shapley(lambda rows: rows @ [1, 10, 100], ROW, OTHERS, BLOCKS)
    assert base == pytest.approx(201)  # the mean of 100 and 302
    assert values == pytest.approx({"a": (5 - 1) + 10, "b": 100 * (4 - 2)})


def test_blocks_that_only_work_together_share_equally() -> None:
    together, base = block_shapley(
        lambda rows: rows[:, 0] * rows[:, 2], ROW, np.zeros((3, 3), np.float32), BLOCKS
    )
    assert base == 0
    assert together == pytest.approx({"a": 10, "b": 10})


def test_a_column_is_worth_what_goes_with_it() -> None:
    lost = without_each(lambda rows: rows[:, 0] * rows[:, 2], ROW, OTHERS, [0, 1, 2])
    assert lost == pytest.approx([20 - 4 * 1, 0, 20 - 5 * 2])


def test_rounding_of_the_model_is_no_effect() -> None:
    rows = np.zeros((4, 2), np.float32)

    def chance(asked: np.ndarray) -> np.ndarray:
        return 0.5 + 0.25 * asked[:, 0] + 1e-8 * asked[:, 1]

    row = np.ones(2, np.float32)
    assert without_each(chance, row, rows, [0, 1]).tolist() == [0.25, 0.0]


def test_many_parts_are_predicted_in_bounded_batches() -> None:
    seen: list[int] = []

    def chance(rows: np.ndarray) -> np.ndarray:
        seen.append(len(rows))
        return rows.sum(axis=1)

    width = 300
    others = np.zeros((32, width), np.float32)
    assert without_each(chance, np.ones(width, np.float32), others, range(width)) == pytest.approx(1)
    assert max(seen) <= 4096
    assert len(seen) < 10


@pytest.mark.parametrize("name", TABLE_CLASSIFIERS)
def test_blocks_add_up_and_the_one_with_the_signal_leads(name: str, tmp_path: Path) -> None:
    bundle, X = _bundle(tmp_path / "bundle", name)
    chances = bundle.predict_proba(X)
    sure = chances.max(axis=1).argmax()
    genre = str(bundle.classes[chances[sure].argmax()])
    found = contributions_to(bundle, X.iloc[[sure]], genre)
    assert set(found.blocks) == {"cnn", "color", "texture"}
    assert found.base + sum(found.blocks.values()) == pytest.approx(found.score, abs=1e-6)
    assert max(found.blocks, key=lambda block: found.blocks[block]) == "color"
    assert not any("embedding" in column for column in found.columns)
    if name == "catboost":
        assert found.unit == LOG_PROBABILITY
        log = np.log(chances[sure])
        assert found.score == pytest.approx(log[bundle.classes.index(genre)] - log.mean(), abs=1e-5)
        for block in ("color", "texture"):
            own = sum(value for column, value in found.columns.items() if column.startswith(block))
            assert own == pytest.approx(found.blocks[block], abs=1e-6)
    else:
        assert found.unit == PROBABILITY
        assert found.score == pytest.approx(chances[sure].max())
        assert len(found.columns) == 14


def test_shap_names_the_blocks_that_the_model_sees_as_mixtures(tmp_path: Path) -> None:
    X, y, _ = planted(120)
    save_bundle(tmp_path / "b", quick("catboost", pca=7).fit(X, y), columns={}, extractors={})
    found = contributions_to(load_bundle(tmp_path / "b"), X.iloc[[0]], "Pop")
    assert found.unsplit == ["texture"]  # eight columns and gaps; `color` has six, `cnn` none to read
    assert {column.partition(".")[0] for column in found.columns} == {"color"}


def test_without_an_index_what_is_taken_away_is_missing(tmp_path: Path) -> None:
    bundle, X = _bundle(tmp_path / "bundle", "logistic", indexed=False)
    found = contributions_to(bundle, X.iloc[[0]], "Pop")
    empty = pd.DataFrame(np.nan, index=[0], columns=X.columns, dtype=np.float32)
    assert found.base == pytest.approx(bundle.predict_proba(empty)[0, bundle.classes.index("Pop")])
    assert found.start == "a cover of which nothing is known"
    assert found.base + sum(found.blocks.values()) == pytest.approx(found.score)
    assert "missing" in found.method
