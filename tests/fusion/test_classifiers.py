"""What every registered classifier of tables must do; a new one is tested here without a change."""

import numpy as np
import pytest

from coverfusion.fusion.registry import classifier_class
from tests.helpers.planted import GENRES, TABLE_CLASSIFIERS, planted, quick, two_views

NAMES = TABLE_CLASSIFIERS
SEED_MATTERS = ["catboost", "mlp", "random_forest"]


@pytest.mark.parametrize("name", NAMES)
def test_finds_the_block_with_the_signal(name):
    X, y, groups = planted(840)  # so many tested that 0.9 is no matter of luck
    fitted = quick(name).fit(X[:240], y[:240], groups=groups[:240])
    assert (fitted.predict(X[240:]) == y[240:]).mean() > 0.9
    assert fitted.classes_.tolist() == GENRES.tolist()
    proba = fitted.predict_proba(X[240:])
    assert proba.shape == (600, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


@pytest.mark.parametrize("name", NAMES)
def test_survives_the_loss_of_a_block_at_prediction(name):
    X, y = two_views()
    fitted = quick(name).fit(X[:280], y[:280])
    lost = X[280:].copy()
    lost[[c for c in X if c.startswith("ocr.")]] = np.nan
    whole = (fitted.predict(X[280:]) == y[280:]).mean()
    assert whole > 0.8
    assert (fitted.predict(lost) == y[280:]).mean() > 0.6  # chance is 0.37


@pytest.mark.parametrize("name", NAMES)
def test_learns_from_blocks_that_are_often_missing(name):
    X, y = two_views()
    rng = np.random.default_rng(1)
    for block in ("ocr.", "color."):
        X.loc[rng.random(len(X)) < 0.3, [c for c in X if c.startswith(block)]] = np.nan
    fitted = quick(name).fit(X[:280], y[:280])
    assert (fitted.predict(X[280:]) == y[280:]).mean() > 0.6


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_numbers(name):
    X, y, groups = planted(200)
    first, again = (quick(name, random_state=3).fit(X, y, groups=groups).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", SEED_MATTERS)
def test_another_seed_other_numbers(name):
    X, y, _ = planted(200)
    first, other = (quick(name, random_state=seed).fit(X, y).predict_proba(X) for seed in (3, 4))
    assert np.abs(first - other).max() > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_gives_the_same_probabilities(name, tmp_path):
    X, y, _ = planted(200)
    fitted = quick(name).fit(X, y)
    fitted.save(tmp_path / "model")
    loaded = classifier_class(name).load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.predict(X).tolist() == fitted.predict(X).tolist()
    assert loaded.get_params() == fitted.get_params()
    assert loaded.feature_names_in_.tolist() == list(X.columns)


@pytest.mark.parametrize("name", NAMES)
def test_a_genre_with_one_cover_does_not_stop_the_fit(name):
    X, y, groups = planted(120)
    y = y.astype(object)
    y[0] = "Zydeco"
    fitted = quick(name).fit(X, y, groups=groups)
    assert fitted.classes_.tolist() == [*GENRES, "Zydeco"]
    assert fitted.predict_proba(X).shape == (120, 4)


@pytest.mark.parametrize("name", NAMES)
def test_a_single_class_is_refused(name):
    X, _, _ = planted(30)
    with pytest.raises(ValueError, match="one class: Pop"):
        quick(name).fit(X, ["Pop"] * 30)


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(quick(name), "class_weight")])
def test_class_weight_moves_predictions_towards_the_heavy_class(name):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)).astype(np.float32), np.array(["a", "b"])[np.arange(200) % 2]
    heavy = {"a": 20.0, "b": 1.0}
    unseen = rng.normal(size=(200, 3)).astype(np.float32)
    shares = [(quick(name, class_weight=w).fit(X, y).predict(unseen) == "a").mean() for w in (None, heavy)]
    assert shares[1] > shares[0]


@pytest.mark.parametrize("name", NAMES)
def test_groups_of_another_length_are_refused(name):
    X, y, _ = planted(30)
    with pytest.raises(ValueError, match="groups has 3 values for 30 rows"):
        quick(name).fit(X, y, groups=[1, 2, 3])
