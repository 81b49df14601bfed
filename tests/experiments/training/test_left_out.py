from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.pipeline.cached_fits import CachedFits, CannotFitError, Model, Part
from coverfusion.experiments.training.train import predict_all
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.registry import CLASSIFIERS, register


@pytest.fixture
def blank(tmp_path):
    """The fits of twelve covers whose features are all the same, and their one part."""
    ids = [f"{k:064x}" for k in range(12)]
    frame = pd.DataFrame(np.ones((12, 2), np.float32), index=ids, columns=["color.a", "color.b"])
    covers = pd.DataFrame({"cover_id": ids, "genre": ["Rock", "Pop"] * 6, "group": range(12)})
    return CachedFits(tmp_path, frame, covers, {}, seed=0), Part("split", ids[:8], {"test": ids[8:]})


def test_a_classifier_that_finds_nothing_to_learn_says_so(blank):
    fits, part = blank
    with pytest.raises(CannotFitError, match=r"^catboost on color, split: All features are either constant"):
        fits.predictions(Model("catboost", ("color",)), part)


class Mistaken(BlockClassifier):
    """One with a mistake in its code."""

    def _fit(self, X, y, weight, groups):
        self.rows_ = X @ np.ones(X.shape[1] + 1)


@pytest.fixture
def mistaken():
    register("mistaken")(Mistaken)
    yield "mistaken"
    CLASSIFIERS.unregister("mistaken")


def test_a_mistake_in_a_classifier_of_ours_is_no_classifier_that_cannot_fit(blank, mistaken, monkeypatch):
    fits, part = blank
    model = Model(mistaken, ("color",))
    with pytest.raises(CannotFitError, match="mismatch"):  # of somebody else's class
        fits.predictions(model, part)
    monkeypatch.setattr(Mistaken, "__module__", "coverfusion.fusion.mistaken")
    with pytest.raises(ValueError, match="mismatch"):
        fits.predictions(model, part)


def test_what_a_value_does_to_another_library_is_said(blank):
    fits, part = blank
    fits.parameters = {"random_forest": {"max_features": "every second"}}
    with pytest.raises(CannotFitError, match=r"^random_forest on color, split: The 'max_features' parameter"):
        fits.predictions(Model("random_forest", ("color",)), part)


def test_others_are_fitted_all_the_same(blank):
    fits, part = blank
    models = [Model(name, ("color",)) for name in ("catboost", "knn")]
    predictions, left_out = predict_all(fits, models, [part])
    assert [model.classifier for model in predictions] == ["knn"]
    assert len(left_out) == 1
    assert "catboost on color" in left_out[0]
