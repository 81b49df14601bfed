"""What the plain systems see: three of them the image network's embedding alone, one every column."""

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.examples.plain_systems import SYSTEMS, embedding

ON_THE_EMBEDDING = ["FAISS neighbours", "SVC", "CatBoost"]


def _features(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """`cnn` tells the genre, `color` is noise."""
    rng = np.random.default_rng(seed)
    y = np.array(["jazz", "pop"])[np.arange(n) % 2]
    cnn = rng.normal(size=(n, 3)) + np.where(y == "pop", 2.0, -2.0)[:, None]
    frame = pd.DataFrame(cnn, columns=[f"cnn.embedding_{k}" for k in range(3)])
    return frame.assign(**{"color.brightness": rng.normal(size=n)}), y


@pytest.mark.parametrize("name", ON_THE_EMBEDDING)
def test_a_system_on_the_embedding_does_not_see_other_blocks(name: str) -> None:
    (X, y), (others, truth) = _features(60, 0), _features(20, 1)
    proba, genres = SYSTEMS[name](X, y, others)
    assert list(genres) == ["jazz", "pop"]
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert (genres[proba.argmax(axis=1)] == truth).mean() > 0.9
    changed = others.assign(**{"color.brightness": 100.0})
    np.testing.assert_array_equal(SYSTEMS[name](X, y, changed)[0], proba)


def test_the_forest_sees_every_column() -> None:
    X, _ = _features(60, 0)
    y = np.where(X["color.brightness"] > 0, "bright", "dark")
    proba, genres = SYSTEMS["random forest"](X, y, X)
    assert (genres[proba.argmax(axis=1)] == y).mean() > 0.9


def test_without_an_embedding_every_column_is_seen() -> None:
    X, _ = _features(4, 0)
    assert list(embedding(X).columns) == [f"cnn.embedding_{k}" for k in range(3)]
    assert list(embedding(X[["color.brightness"]]).columns) == ["color.brightness"]
