from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.pipeline.cached_fits import CachedFits, CannotFitError, Model, Part
from coverfusion.experiments.training.train import predict_all


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


def test_others_are_fitted_all_the_same(blank):
    fits, part = blank
    models = [Model(name, ("color",)) for name in ("catboost", "knn")]
    predictions, left_out = predict_all(fits, models, [part])
    assert [model.classifier for model in predictions] == ["knn"]
    assert len(left_out) == 1
    assert "catboost on color" in left_out[0]
