import numpy as np
import pandas as pd
import pytest

from fusion.neighbours import Neighbours
from fusion.novelty import held_out_distances, nearest_distances


def indexed():
    X = pd.DataFrame({"color.hue": [0.0, 1, 2, 9]}, index=["i0", "i1", "i2", "i9"], dtype=np.float32)
    return X, Neighbours().fit(X, X.index.tolist(), ["Pop"] * 4, [f"{i}.jpg" for i in X.index])


def test_nearest_by_hand():
    X, neighbours = indexed()
    new = pd.DataFrame({"color.hue": [1.4, 9.0]}, dtype=np.float32)
    np.testing.assert_allclose(
        nearest_distances(neighbours, new), np.array([0.4, 0]) / X["color.hue"].std(ddof=0), atol=1e-5
    )


def test_a_cover_is_not_compared_with_itself_or_its_group():
    X, neighbours = indexed()
    groups = {"i0": "a", "i1": "a", "i2": "b", "i9": "c"}
    found = held_out_distances(neighbours, X, groups) * X["color.hue"].std(ddof=0)
    assert sorted(found) == pytest.approx([1, 1, 2, 7], abs=1e-4)  # i0: 2 to i2; i1, i2: 1; i9: 7


def test_a_large_group_is_looked_past():
    n = 200
    X = pd.DataFrame({"color.hue": np.arange(n)}, index=[f"i{k}" for k in range(n)], dtype=np.float32)
    neighbours = Neighbours().fit(X, X.index.tolist(), ["Pop"] * n, [""] * n)
    groups = {name: "same" if k < n - 1 else "other" for k, name in enumerate(X.index)}
    found = held_out_distances(neighbours, X.iloc[:1], groups) * X["color.hue"].std(ddof=0)
    assert found == pytest.approx([n - 1], rel=1e-4)
    everyone = dict.fromkeys(X.index, "same")
    assert np.isnan(held_out_distances(neighbours, X.iloc[:3], everyone)).all()
