import numpy as np
import pandas as pd
import pytest

from fusion.neighbours import Neighbours


def small():
    X = pd.DataFrame({"color.hue": [0.0, 1, 2, 9], "texture.edge": [1.0, 1, 1, 1]}, dtype=np.float32)
    return X, Neighbours().fit(
        X,
        ["i0", "i1", "i2", "i9"],
        ["Pop", "Rock", "Pop", "Rock"],
        ["0.jpg", "1.jpg", "z.zip!2.jpg", "9.jpg"],
        thumbnails=[b"zero", b"one", b"two", b"nine"],
    )


def test_nearest_first_with_distance_by_hand():
    X, neighbours = small()
    found = neighbours.query(pd.DataFrame({"color.hue": [1.9], "texture.edge": [1.0]}), k=3)[0]
    assert found["cover_id"].tolist() == ["i2", "i1", "i0"]
    assert found["genre"].tolist() == ["Pop", "Rock", "Pop"]
    assert found["path"].tolist() == ["z.zip!2.jpg", "1.jpg", "0.jpg"]
    # one column that varies: its distances are divided by its standard deviation
    np.testing.assert_allclose(
        found["distance"], np.array([0.1, 0.9, 1.9]) / X["color.hue"].std(ddof=0), rtol=1e-4
    )


def test_no_more_than_there_are_and_missing_blocks_pass():
    _, neighbours = small()
    found = neighbours.query(pd.DataFrame({"color.hue": [9.0, 0.1]}), k=10)
    assert [len(frame) for frame in found] == [4, 4]
    assert found[0]["cover_id"][0] == "i9"
    assert found[1]["cover_id"][0] == "i0"


def test_saved_and_loaded(tmp_path):
    X, neighbours = small()
    neighbours.save(tmp_path / "n")
    loaded = Neighbours.load(tmp_path / "n")
    for ours, theirs in zip(loaded.query(X, 2), neighbours.query(X, 2), strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert loaded.thumbnails(["i9", "i0"]) == [b"nine", b"zero"]
    with pytest.raises(KeyError):
        loaded.thumbnails(["nobody"])
