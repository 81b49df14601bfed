"""Fits of covers with several genres give the same on any number of threads."""

from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from coverfusion.data.genre_sets import with_sets
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part


def test_threads_move_no_probability_of_several_genres(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = [f"c{number:04d}" for number in range(1500)]
    frame = pd.DataFrame(rng.normal(size=(1500, 400)).astype(np.float32), ids)
    frame.columns = [f"cnn.{column}" for column in frame.columns]
    says = [["a"], ["b"], ["a", "b"]]
    genres = pd.Series([says[number] for number in rng.integers(0, 3, 1500)])
    covers = with_sets(pd.DataFrame({"cover_id": ids, "group": ids}), genres)
    part = Part("fold-0", ids[:1200], {"folds": ids[1200:]})
    found = []
    for threads in (1, 4):
        fits = CachedFits(tmp_path / str(threads), frame, covers, {}, 0, keep_models=False)
        with threadpool_limits(threads):
            found.append(fits.predictions(Model("logistic", ("cnn",)), part))
    pd.testing.assert_frame_equal(*found, check_exact=True)
