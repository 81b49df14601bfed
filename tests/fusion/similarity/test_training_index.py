import shutil

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.fusion.similarity.training_index import TrainingIndex


def small():
    X = pd.DataFrame({"color.hue": [0.0, 1, 2, 9], "texture.edge": [1.0, 1, 1, 1]}, dtype=np.float32)
    return X, TrainingIndex().fit(
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
    loaded = TrainingIndex.load(tmp_path / "n")
    for ours, theirs in zip(loaded.query(X, 2), neighbours.query(X, 2), strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert loaded.thumbnails(["i9", "i0"]) == [b"nine", b"zero"]
    with pytest.raises(KeyError):
        loaded.thumbnails(["nobody"])


def test_only_covers_of_the_genres_asked_for():
    X, neighbours = small()
    found = neighbours.query(X[:1], k=3, genres=["Rock"])[0]
    assert found["cover_id"].tolist() == ["i1", "i9"]
    assert len(neighbours.query(X[:1], k=9, genres=["Rock", "Pop"])[0]) == 4
    with pytest.raises(UserError, match=r"genre 'Rok'. Did you mean 'Rock'\?"):
        neighbours.query(X[:1], genres=["Rok"])


def test_a_cover_of_several_genres_is_found_by_each_of_them():
    X, neighbours = small()
    neighbours.covers["genre"] = ["Jazz|Pop", "Rock", "Pop", "Jazz|Rock"]
    assert neighbours.query(X[:1], k=9, genres=["Pop"])[0]["cover_id"].tolist() == ["i0", "i2"]
    assert neighbours.query(X[:1], k=9, genres=["Jazz"])[0]["cover_id"].tolist() == ["i0", "i9"]
    with pytest.raises(UserError, match=r"genre 'Jaz'. Did you mean 'Jazz'\?"):
        neighbours.query(X[:1], genres=["Jaz"])


def test_diversity_leaves_out_what_is_alike():
    X, neighbours = small()
    # from 0: itself, then 9 rather than 1 and 2, which are near each other and near 0
    assert neighbours.query(X[:1], 2, diversity=1.0)[0]["cover_id"].tolist() == ["i0", "i9"]
    assert neighbours.query(X[:1], 2, diversity=0.1)[0]["cover_id"].tolist() == ["i0", "i1"]


def with_clip():
    """Four covers with CLIP embeddings along two axes; one has none."""
    X = pd.DataFrame(
        [[1.0, 0.0, 5.0], [0.6, 0.8, 1.0], [np.nan, np.nan, 2.0], [0.0, 1.0, 3.0]],
        columns=["clip.embedding_0000", "clip.embedding_0001", "color.hue"],
        dtype=np.float32,
    )
    return TrainingIndex().fit(X, list("abcd"), ["Pop", "Rock", "Pop", "Rock"], list("abcd"))


def test_words_find_covers_by_the_cosine_of_clip_embeddings(tmp_path):
    made = with_clip()
    made.save(tmp_path / "n")
    for neighbours in (made, TrainingIndex.load(tmp_path / "n")):
        found = neighbours.query_words(np.array([[1.0, 0.0]], dtype=np.float32), k=4)[0]
        assert found["cover_id"].tolist() == ["a", "b", "d"]  # c has no embedding
        np.testing.assert_allclose(found["distance"], [0, 0.4, 1], atol=1e-3)
        rock = neighbours.query_words(np.array([[1.0, 0.0]]), k=4, genres=["Rock"])[0]
        assert rock["cover_id"].tolist() == ["b", "d"]
        spread = neighbours.query_words(np.array([[1.0, 0.0]]), k=2, diversity=1.0)[0]
        assert spread["cover_id"].tolist() == ["a", "d"]


def test_words_need_clip():
    with pytest.raises(ValueError, match="CLIP"):
        small()[1].query_words(np.ones((1, 2), np.float32))


def test_thumbnails_are_read_when_asked_for_even_from_a_folder_that_is_gone(tmp_path):
    n = 2500  # three row groups
    X = pd.DataFrame({"color.hue": np.arange(n, dtype=np.float32)})
    ids = [f"i{i}" for i in range(n)]
    TrainingIndex().fit(X, ids, ["Pop"] * n, ids, [b"%d" % i for i in range(n)]).save(tmp_path / "n")
    loaded = TrainingIndex.load(tmp_path / "n")
    shutil.rmtree(tmp_path / "n")
    wanted = [0, 999, 1000, 2499, 3]
    assert loaded.thumbnails([ids[i] for i in wanted]) == [b"%d" % i for i in wanted]
    assert "thumbnail" not in loaded.covers
