from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.fusion.average import FusionAverage
from coverfusion.fusion.catboost import FusionCatBoost
from coverfusion.fusion.categories import (
    LEAST_COVERS,
    MOST_VALUES,
    check_categories,
    decoded,
    encoded,
    encoded_names,
    learnt_categories,
)
from tests.helpers.planted import GENRES, TABLE_CLASSIFIERS, planted, quick

COLUMN = "metadata_label.category"
LABELS = {"Country": "Sugar Hill", "Pop": "Motown", "Rock": "4AD"}


def covers(n: int = 240, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """X, y: the label tells the genre of nine covers in ten, no block of numbers does."""
    X, _, _ = planted(n, seed)
    rng = np.random.default_rng(seed + 1)
    y = GENRES[rng.integers(0, 3, n)]
    labels = [LABELS[genre] if rng.random() < 0.9 else None for genre in y]
    return X.assign(**{COLUMN: pd.Series(labels, index=X.index, dtype=object)}), y


def frame(*values: object) -> pd.DataFrame:
    return pd.DataFrame({"a.x": np.arange(len(values), dtype=float), COLUMN: pd.Series(values, dtype=object)})


def test_common_values_get_a_column_and_the_others_share_one():
    X = frame(*["b"] * LEAST_COVERS, *["a"] * LEAST_COVERS, "rare", None)
    values = learnt_categories(X)
    assert values[COLUMN].tolist() == ["a", "b"]
    found = encoded(X, values)
    assert list(found) == ["a.x", f"{COLUMN}[a]", f"{COLUMN}[b]", f"{COLUMN}[(other)]"]
    assert list(found) == encoded_names(list(X), values)
    assert found.iloc[0].tolist() == [0, 0, 1, 0]
    assert found.iloc[LEAST_COVERS].tolist()[1:] == [1, 0, 0]
    assert found.iloc[-2].tolist()[1:] == [0, 0, 1]
    assert found.iloc[-1, 1:].isna().all()


def test_thousands_of_values_stay_bounded():
    values = [f"label {number % 1000}" for number in range(5000)] + ["most"] * 9
    learnt = learnt_categories(frame(*values))[COLUMN]
    assert len(learnt) == MOST_VALUES
    assert "most" in learnt


def test_values_of_rows_without_weight_are_not_learnt():
    X, y = covers()
    X.loc[X.index[100:], COLUMN] = "unseen"
    model = quick("logistic").fit(X, y, sample_weight=np.arange(len(y)) < 100)
    assert model.categories_[COLUMN].tolist() == ["4AD", "Motown", "Sugar Hill"]


def test_decoding_gives_the_values_again():
    X = frame(*["b"] * LEAST_COVERS, "rare", None)
    values = learnt_categories(X)
    back = decoded(encoded(X, values), values)
    assert list(back) == list(X)
    assert back[COLUMN].tolist() == [*["b"] * LEAST_COVERS, "(other)", None]
    pd.testing.assert_frame_equal(encoded(back, values), encoded(X, values))


def test_a_value_called_as_all_others_are_stays_apart_from_them():
    X = frame(*["(other)"] * LEAST_COVERS, *["a"] * LEAST_COVERS, "rare", None)
    values = learnt_categories(X)
    found = encoded(X, values)
    assert list(found)[1:] == [f"{COLUMN}[(other)]", f"{COLUMN}[a]", f"{COLUMN}[((other))]"]
    assert found.iloc[[0, -2], 1:].to_numpy().tolist() == [[1, 0, 0], [0, 0, 1]]
    back = decoded(found, values)
    pd.testing.assert_frame_equal(encoded(back, values), found)


def test_values_that_differ_in_a_nul_stay_apart():
    X = frame(*["a"] * LEAST_COVERS, *["a\0"] * LEAST_COVERS)
    values = learnt_categories(X)
    assert values[COLUMN].tolist() == ["a", "a\\x00"]
    assert encoded(X, values).iloc[[0, -1], 1:].to_numpy().tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_cell_that_is_no_text_is_refused():
    with pytest.raises(ValueError, match="one cell is int"):
        learnt_categories(frame(1, 2))


def test_broken_values_are_refused():
    for broken in ([], {"a": ["x"]}, {"a": np.zeros(3)}, {"a": np.array([["x"]])}):
        with pytest.raises(UserError, match="broken"):
            check_categories(broken)


@pytest.mark.parametrize("name", TABLE_CLASSIFIERS)
def test_every_classifier_learns_from_categories_and_does_without(name, tmp_path: Path):
    X, y = covers()
    model = quick(name).fit(X[:160], y[:160])
    assert (model.predict(X[160:]) == y[160:]).mean() > 0.75
    unknown = X[160:].assign(**{COLUMN: None})
    assert np.isfinite(model.predict_proba(unknown)).all()
    new = X[160:].assign(**{COLUMN: "a label of another year"})
    assert np.isfinite(model.predict_proba(new)).all()
    model.save(tmp_path / name)
    again = type(model).load(tmp_path / name)
    np.testing.assert_allclose(again.predict_proba(X[160:]), model.predict_proba(X[160:]), atol=1e-6)


def test_members_that_are_lent_see_what_they_were_fitted_on():
    X, y = covers()
    member = quick("logistic").fit(X[:160], y[:160])
    stack = quick("stack")
    stack.fitted = {"logistic": member}
    stack.fit(X[:160], y[:160])
    assert (stack.predict(X[160:]) == y[160:]).mean() > 0.75
    average = FusionAverage.of({"logistic": member})
    np.testing.assert_allclose(average.predict_proba(X[160:]), member.predict_proba(X[160:]))


def test_catboost_keeps_the_text_of_two_blocks_apart():
    X, y = covers(160)
    words = pd.Series([LABELS[genre] for genre in y], index=X.index, dtype=object)
    X = X.drop(columns=COLUMN).assign(
        **{"ocr.text_words": pd.Series([""] * len(X), dtype=object), "metadata_title.text_words": words}
    )
    model = FusionCatBoost(iterations=20).fit(X, y)
    assert list(model.scores_) == ["ocr", "metadata_title"]
    assert model.scores_["ocr"].vocabularies["ocr.text_words"].terms == ""
