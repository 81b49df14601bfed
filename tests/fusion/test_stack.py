"""Stacking: learnt on out-of-fold predictions alone, groups whole, goes on after a kill."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.sealed_files import read_sealed_array, write_sealed_array
from coverfusion.fusion.grouped_folds import inner_folds
from coverfusion.fusion.log_linear_pool import LogLinearPool
from coverfusion.fusion.pictures import COLUMN
from coverfusion.fusion.registry import create
from coverfusion.fusion.stack import Stack
from tests.helpers.planted import planted
from tests.helpers.small import tiny_network
from tests.helpers.tinted import tinted

PAIR = {"knn": {"k": 1}, "logistic": {}}


@pytest.fixture(scope="module")
def twins() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Each cover twice, in one group: a nearest neighbour knows the genre of a cover whose twin it has seen.

    One column in 21 tells the genre, and only half of the time; the others make neighbours meaningless.
    """
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    X = rng.normal(size=(200, 21))
    X[:, 0] += 1.5 * y
    X, y, groups = np.repeat(X, 2, axis=0), np.repeat(np.array(["dub", "opera"])[y], 2), np.arange(400) // 2
    X += rng.normal(0, 1e-3, X.shape)
    return pd.DataFrame(X.astype(np.float32), columns=[f"color.c{i}" for i in range(21)]), y, groups


def test_who_remembers_its_training_covers_gets_no_weight(twins) -> None:
    X, y, groups = twins
    assert (create("knn", k=1).fit(X, y).predict(X) == y).all()
    weights = create("stack", classifiers=PAIR).fit(X, y, groups=groups).weights_
    assert weights["logistic"] > 0.5
    assert abs(weights["knn"]) < 0.2


def test_without_the_groups_the_twins_would_give_it_away(twins) -> None:
    X, y, _ = twins
    weights = create("stack", classifiers=PAIR).fit(X, y).weights_
    assert weights["knn"] > 1


def test_by_hand() -> None:
    X, y, groups = planted(150)
    stack = create("stack", classifiers=PAIR, folds=3).fit(X, y, groups=groups)
    codes = np.unique(y, return_inverse=True)[1]
    prior = dict(zip(*np.unique(y, return_counts=True), strict=True))  # members answer to that of all covers
    inside, outside = np.zeros((2, 150, 3)), []
    for position, (name, parameters) in enumerate(PAIR.items()):
        for train, test in inner_folds(codes, groups, 3):
            member = create(name, **parameters).fit(X.iloc[train], y[train], groups=groups[train])
            inside[position, test] = member.answer_to(prior).predict_proba(X.iloc[test])
        member = create(name, **parameters).fit(X, y, groups=groups)
        outside.append(member.predict_proba(X))
    pool = LogLinearPool().fit(np.log(np.maximum(inside, 1e-6)), codes)
    expected = pool(np.log(np.maximum(outside, 1e-6)))
    np.testing.assert_allclose(stack.predict_proba(X), expected, rtol=1e-4)
    assert stack.weights_["knn"] == pytest.approx(pool.weights_[0], rel=1e-4)
    assert stack.weights_.index.tolist() == ["knn", "logistic"]


def test_lent_members_are_not_fitted_again() -> None:
    X, y, groups = planted(90)
    lent = create("logistic").fit(X, y, groups=groups)
    stack = create("stack", classifiers=PAIR, folds=2)
    stack.fitted = {"logistic": lent}
    again = create("stack", classifiers=PAIR, folds=2).fit(X, y, groups=groups)
    assert stack.fit(X, y, groups=groups).members_["logistic"] is lent
    np.testing.assert_allclose(stack.predict_proba(X), again.predict_proba(X), rtol=1e-6)


def test_what_is_kept_is_not_computed_again_and_not_taken_for_other_covers(tmp_path: Path) -> None:
    X, y, groups = planted(90)
    stack = create("stack", classifiers=PAIR, folds=2, checkpoint_folder=str(tmp_path))
    first = stack.fit(X, y, groups=groups).predict_proba(X)
    kept = sorted(tmp_path.rglob("*.npy"))
    assert len(kept) == 4
    # the kept predictions are believed: uniform ones tell no member from another
    for path in kept:
        write_sealed_array(path, np.full_like(read_sealed_array(path), 1 / 3))
    np.testing.assert_allclose(stack.fit(X, y, groups=groups).weights_, 0.5, atol=1e-3)
    stack.set_params(classifiers=PAIR | {"knn": {"k": 2}}).fit(X, y, groups=groups)
    assert len(list(tmp_path.rglob("*.npy"))) == 6
    stack.set_params(classifiers=PAIR).fit(X.iloc[::-1], y[::-1], groups=groups[::-1])
    assert len(list(tmp_path.rglob("*.npy"))) == 10
    assert np.abs(stack.predict_proba(X) - first).max() < 0.2


def test_pictures_of_who_needs_them_only(tmp_path: Path) -> None:
    """The colour of a cover is its genre; the table is noise."""
    shown, y = tinted(48, side=36)
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(48, 3)), columns=["color.a", "color.b", "color.c"])
    network = tiny_network(tmp_path) | {
        "epochs": 6,
        "frozen_stages": 2,
        "batch_size": 8,
        "learning_rate": 2e-3,
        "layer_decay": 1.0,
        "augmentation": "none",
        "schedule": "constant",
        "ema": None,
        "dropout": 0.0,
        "patience": None,
    }
    members = {"logistic": {}, "finetune": network}
    stack = create("stack", classifiers=members, folds=2, checkpoint_folder=str(tmp_path / "kept"))
    told: list[str] = []
    stack.watch = lambda what, done, total: told.append(what)
    both = X.assign(**{COLUMN: shown[COLUMN]})
    stack.fit(both, y)
    assert told[0].startswith("finetune, fold 1 of 2, epoch 1 of 6")
    assert (tmp_path / "kept" / "finetune" / "fold 1 of 2" / "history.csv").is_file()
    assert (stack.predict(both) == y).mean() > 0.9
    weights = stack.weights_
    assert weights["finetune"] > 2 * abs(weights["logistic"])
    stack.save(tmp_path / "model")
    loaded = Stack.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(both), stack.predict_proba(both))
    alone = create("stack", classifiers=members, folds=2).fit(X, y)
    assert list(alone.members_) == ["logistic"]
    with pytest.raises(ValueError, match="no member"):
        create("stack", classifiers=["finetune"]).fit(X, y)
