"""Training covers turned back from the index: what went in comes out."""

from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.experiments.explanation.background import background, covers_of_genre, training_rows
from coverfusion.fusion.bundle import load_bundle, save_bundle
from coverfusion.fusion.similarity.training_index import TrainingIndex
from tests.helpers.many import save_many, train_many
from tests.helpers.planted import quick


def _features(n: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    """Counts with gaps, a wide embedding of few directions that is missing in the same rows."""
    rng = np.random.default_rng(0)
    columns = ["ocr.words", "ocr.center_x", "ocr.center_y", "color.hue"]
    columns += [f"ocr.embedding_{k:04d}" for k in range(100)]
    X = np.concatenate([rng.normal(3, 2, (n, 4)), rng.normal(size=(n, 5)) @ rng.normal(size=(5, 100))], 1)
    silent = rng.random(n) < 0.3
    X[np.ix_(silent, [1, 2, *range(4, 104)])] = np.nan
    X[0, 3] = np.nan
    features = pd.DataFrame(X.astype(np.float32), columns=columns)
    return features.assign(**{"ocr.failed": np.float32(0)}), silent  # a constant column has no gaps


def test_values_and_gaps_come_back() -> None:
    X, silent = _features()
    ids = [f"c{n}" for n in range(len(X))]
    rows = training_rows(TrainingIndex().fit(X, ids, ["pop"] * len(X), ids), range(len(X)))
    assert list(rows.columns) == list(X.columns)
    assert silent.any()
    assert not silent.all()
    np.testing.assert_array_equal(rows.isna(), X.isna())
    np.testing.assert_allclose(rows, X, atol=1e-3)


def test_covers_are_drawn_by_genre_in_the_classifiers_columns(tmp_path: Path) -> None:
    X, _ = _features()
    genres = ["pop" if n % 3 else "rock" for n in range(len(X))]
    ids = [f"c{n}" for n in range(len(X))]
    some = X[["color.hue", "ocr.words"]]  # other columns and another order than the index has
    save_bundle(
        tmp_path / "b",
        quick("logistic").fit(some, genres),
        columns={},
        extractors={},
        neighbours=TrainingIndex().fit(X, ids, genres, ids),
    )
    bundle = load_bundle(tmp_path / "b")
    assert list(background(bundle, 50).columns) == list(some.columns)
    assert len(background(bundle, 50)) == 50
    assert len(background(bundle, 500)) == 120
    pd.testing.assert_frame_equal(background(bundle, 50), background(bundle, 50))
    own = covers_of_genre(bundle, "rock", 500)
    np.testing.assert_allclose(own, some[np.array(genres) == "rock"], atol=1e-3)
    assert len(covers_of_genre(bundle, "rock", 7)) == 7
    assert len(covers_of_genre(bundle, "dub", 7)) == 0


def test_a_cover_of_several_genres_is_drawn_for_each(tmp_path: Path) -> None:
    bundle = load_bundle(train_many(save_many(tmp_path / "covers", 36), ["color"]) / "bundle")
    assert bundle.neighbours is not None
    named = bundle.neighbours.covers["genre"]
    counts = named.value_counts()
    assert counts["ember|wave"] > 0
    assert len(covers_of_genre(bundle, "ember", 99)) == counts["ember"] + counts["ember|wave"]
