"""Fits shared out to workers: kept ones are not done again, progress counts all; pictures reach them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.splits import folds
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model
from coverfusion.experiments.pipeline.fold_scores import make_folds
from coverfusion.experiments.pipeline.parallel_fits import fit_all
from coverfusion.features.decoded import Decoded
from tests.helpers.planted import planted
from tests.helpers.tiny import BACKBONE, tiny_weights

SIDE = 32


@pytest.fixture
def fits(tmp_path: Path) -> tuple[CachedFits, list]:
    X, y, groups = planted(120)
    ids = [f"cover-{i}" for i in range(len(X))]
    covers = pd.DataFrame({"cover_id": ids, "genre": y, "group": groups.astype(str)})
    parts = [fold.part for fold in make_folds(folds(covers, 3, 1, 0))]
    frame = X.set_axis(pd.Index(ids, name="cover_id"))
    small = {"backbone": BACKBONE, "checkpoint": tiny_weights(tmp_path), "image_size": SIDE, "epochs": 1}
    pixels = np.random.default_rng(0).integers(0, 256, (len(ids), SIDE, SIDE, 3), dtype=np.uint8)
    (tmp_path / "pixels.dat").write_bytes(pixels.tobytes())
    pictures = Decoded(tmp_path, SIDE, {cover: row for row, cover in enumerate(ids)})
    made = CachedFits(
        tmp_path / "fits", frame, covers, {"joint": small}, 0, keep_models=False, pictures=pictures
    )
    return made, parts


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_study_goes_on_where_it_was(fits: tuple[CachedFits, list], workers: int) -> None:
    made, parts = fits
    models = [Model("logistic", ("color",)), Model("joint", ("color", "pixels"))]
    kept = made.predictions(models[0], parts[0])
    before = {file: file.stat().st_mtime_ns for file in made.folder.rglob("predictions.parquet")}
    seen: list[int] = []
    fit_all(made, models, parts, workers, seen.append)
    after = {file: file.stat().st_mtime_ns for file in made.folder.rglob("predictions.parquet")}
    assert len(before) == 1 < len(after) == 6
    assert {file: after[file] for file in before} == before
    assert seen[0] == 1
    assert seen[-1] == 6
    pd.testing.assert_frame_equal(made.predictions(models[0], parts[0]), kept)
    assert not (made.folder / "features.npy").exists()
    assert not list(made.folder.rglob("model"))


def test_nothing_missing_starts_no_worker(fits: tuple[CachedFits, list]) -> None:
    made, parts = fits
    model = Model("knn", ("color",))
    for part in parts:
        made.predictions(model, part)
    seen: list[int] = []
    fit_all(made, [model], parts, workers=2, progress=seen.append)
    assert seen == [3]


def test_long_sets_have_short_names() -> None:
    units = tuple(f"block:{i}{'x' * 20}" for i in range(30))
    names = {Model("svc", units[:k]).name for k in range(1, 31)}
    assert len(names) == 30
    assert max(map(len, names)) < 200
    assert np.all([name.startswith("svc on ") for name in names])
