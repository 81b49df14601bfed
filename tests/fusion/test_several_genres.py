"""Classifiers of several genres a cover, over the registry: what they learn, and that bundles keep it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.fusion.registry import classifier_names, create
from coverfusion.fusion.several_genres import SeveralGenres
from tests.helpers.planted import planted

SKIPPED = ("finetune", "joint", "stack")  # they need pictures, or take minutes


def two_labels(n: int = 240, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Two independent labels, each told by a block of its own, and a third that nothing tells."""
    rng = np.random.default_rng(seed)
    has = rng.random((n, 3)) < [0.5, 0.3, 0.4]
    left, right = (has[:, [code]] + 0.5 * rng.normal(size=(n, 3)) for code in (0, 1))
    columns = [*(f"left.{i}" for i in range(3)), *(f"right.{i}" for i in range(3))]
    X = pd.DataFrame(np.hstack([left, right]).astype(np.float32), columns=columns)
    letters = [" ".join(["drum"] * int(own[0]) + ["banjo"] * int(own[1])) for own in has]
    X["ocr.text_letters"] = pd.Series(letters, dtype=object)
    X["ocr.text_words"] = pd.Series(letters, dtype=object)
    return X, pd.DataFrame(has, columns=["Jazz", "Folk", "Noise"]), np.arange(n)


@pytest.mark.parametrize("name", [name for name in classifier_names() if name not in SKIPPED])
def test_each_label_is_told_by_the_block_that_carries_it(name: str, tmp_path: Path) -> None:
    X, Y, groups = two_labels()
    model = SeveralGenres(create(name)).fit(X[:160], Y[:160], groups=groups[:160])
    assert model.classes_.tolist() == ["Jazz", "Folk", "Noise"]
    proba = model.predict_proba(X[160:])
    assert proba.shape == (80, 3)
    assert ((proba >= 0) & (proba <= 1)).all()
    has = Y[160:].to_numpy()
    for code in (0, 1):
        assert ((proba[:, code] > 0.5) == has[:, code]).mean() > 0.85
    assert abs(np.corrcoef(proba[:, 2], has[:, 2])[0, 1]) < 0.35
    assert abs(proba.mean(axis=0) - Y[:160].mean().to_numpy()).max() < 0.15  # not pressed to sum to 1
    model.save(tmp_path / "model")
    again = SeveralGenres.load(tmp_path / "model", name)
    np.testing.assert_allclose(again.predict_proba(X[160:]), proba, atol=1e-6)


@pytest.mark.parametrize("name", ["logistic", "kernel_ridge"])
def test_a_genre_of_all_or_of_none_gets_its_proportion(name: str) -> None:
    X, Y, groups = two_labels(60)
    Y = Y.assign(Everything=True, Nothing=False)
    proba = SeveralGenres(create(name)).fit(X, Y, groups=groups).predict_proba(X)
    assert proba[:, 3].min() > 0.9
    assert proba[:, 4].max() < 0.1


def test_one_label_is_learnt_as_before_several_could_be() -> None:
    X, y, groups = planted(120)
    model = create("kernel_ridge")
    before = model.fit(X, y, groups=groups).predict_proba(X)
    two, labels, own = two_labels(60)
    SeveralGenres(model).fit(two, labels, groups=own)
    np.testing.assert_array_equal(model.fit(X, y, groups=groups).predict_proba(X), before)
