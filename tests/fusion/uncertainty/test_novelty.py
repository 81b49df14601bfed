import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.state_files import write_state
from coverfusion.fusion.uncertainty.novelty import (
    LIKE_COVERS,
    Novelty,
    is_training_cover,
    learn_novelty,
    looks_new,
    nearest_distances,
    oddness,
    strangeness,
)


def covers(n, seed=0):
    """Two blocks of correlated columns, and one that says nothing of looks."""
    rng = np.random.default_rng(seed)
    along = rng.normal(size=(n, 1))
    columns = {f"cnn.embedding_{i}": along[:, 0] + 0.2 * rng.normal(size=n) for i in range(5)}
    columns |= {f"texture.t{i}": rng.normal(size=n) for i in range(3)}
    columns |= {f"color.c{i}": rng.normal(size=n) for i in range(3)}
    return pd.DataFrame(columns, index=[f"i{i}" for i in range(n)], dtype=np.float32)


def learnt(X):
    return learn_novelty(X, np.arange(len(X)))


def test_nearest_by_hand():
    X = pd.DataFrame({"color.hue": [0.0, 1, 2, 9]}, dtype=np.float32)
    neighbours = TrainingIndex().fit(X, list("abcd"), ["Pop"] * 4, [""] * 4)
    new = pd.DataFrame({"color.hue": [1.4, 9.0]}, dtype=np.float32)
    away = np.array([[0.4, 0.6, 1.4, 7.6], [0, 7, 8, 9]]) / X["color.hue"].std(ddof=0)
    np.testing.assert_allclose(nearest_distances(neighbours, new), away, atol=1e-5)


def test_a_training_cover_is_never_flagged_and_the_flag_of_new_covers_stays():
    X = covers(300)
    X.iloc[7] = 40.0  # like no other cover, but one of them
    novelty, neighbours = learnt(X), TrainingIndex().fit(X, list(X.index), ["Pop"] * 300, [""] * 300)
    new = covers(200, seed=1)
    new.iloc[3] = -40.0
    for rows in (X, new):
        raw = novelty.is_out_of_distribution(rows)
        flagged = looks_new(novelty, rows, nearest_distances(neighbours, rows))
        assert raw.any()
        assert flagged.tolist() == ([False] * 300 if rows is X else raw.tolist())
    assert looks_new(novelty, X, []).tolist() == novelty.is_out_of_distribution(X).tolist()


def test_a_cover_at_no_distance_from_all_its_nearest_is_no_training_cover():
    assert is_training_cover(np.array([0.0]))
    assert is_training_cover(np.array([0.001, 0.002, 0.3]))
    assert not is_training_cover(np.array([0.0, 0.0, 0.0]))  # covers without text, to a model of words
    assert not is_training_cover(np.array([0.1, 0.3]))
    assert not is_training_cover(np.array([]))


def wide(n, seed=0, shift=0.0):
    """Forty independent columns of an image network; `shift` moves the first."""
    rows = np.random.default_rng(seed).normal(size=(n, 40))
    rows[:, 0] += shift
    return pd.DataFrame(rows, columns=[f"cnn.embedding_{i}" for i in range(40)], dtype=np.float32)


def photos(n, seed=9):
    """Hardly farther from the middle of the covers than these are, but all on the same side."""
    return wide(n, seed, shift=4.0)


@pytest.mark.parametrize(("like", "examples"), [(covers, None), (wide, photos(40))])
def test_few_new_covers_are_flagged(like, examples):
    novelty = learn_novelty(like(1500), np.arange(1500), examples)
    flagged = novelty.is_out_of_distribution(like(4000, seed=1))
    assert flagged.mean() == pytest.approx(1 - LIKE_COVERS, abs=0.008)


def test_a_few_photos_tell_what_no_distance_tells():
    X, new = wide(1500), photos(500, seed=2)
    assert learnt(X).is_out_of_distribution(new).mean() < 0.4
    assert learn_novelty(X, np.arange(1500), photos(20)).is_out_of_distribution(new).mean() > 0.7


def test_photos_do_not_hide_what_is_far_from_both():
    odd = wide(50, seed=1)
    odd["cnn.embedding_7"] = -9.0
    assert learn_novelty(wide(500), np.arange(500), photos(20)).is_out_of_distribution(odd).all()


def test_without_an_image_network_photos_teach_nothing():
    X = covers(300).filter(regex="^(texture|color)")
    novelty = learn_novelty(X, np.arange(300), photos(20))
    assert novelty.photos is None
    new = photos(20, seed=3)
    np.testing.assert_array_equal(novelty.is_out_of_distribution(new), learnt(X).is_out_of_distribution(new))


def test_what_breaks_the_covers_pattern_is_flagged_however_near_each_number_is():
    novelty = learnt(covers(500))
    odd = covers(50, seed=1)
    odd["cnn.embedding_0"] = odd["cnn.embedding_1"] + 2  # usual values, but never together
    assert novelty.is_out_of_distribution(odd).mean() > 0.8


def test_colours_alone_flag_nothing():
    novelty = learnt(covers(500))
    odd = covers(50, seed=1)
    ordinary = novelty.is_out_of_distribution(odd)
    odd["color.c0"] = 50.0
    np.testing.assert_array_equal(novelty.is_out_of_distribution(odd), ordinary)


def test_without_such_a_block_all_count():
    X = covers(500).filter(regex="^color")
    novelty = learnt(X)
    odd = X.iloc[:5].assign(**{"color.c0": 50.0})
    assert novelty.is_out_of_distribution(odd).all()
    assert list(novelty.looks.means) == ["color"]


def test_copies_of_a_cover_do_not_vouch_for_it():
    X = covers(300)
    X.iloc[:20, :5] = [4, -4, 4, -4, 4]  # twenty near duplicates of one odd cover
    groups = np.maximum(np.arange(300), 19)
    novelty = learn_novelty(X, groups)
    assert len(novelty.distances) == 281
    assert novelty.distances[-1, 0] > 3 * novelty.distances[-2, 0]


def test_strangeness_by_hand():
    seen = np.array([[1.0, 10], [2, 20], [3, 30]])
    # as far as the 2nd of 3: 2 are at least as far, p = 3 / 4; farther than all: p = 1 / 4
    np.testing.assert_allclose(
        strangeness(np.array([[2.0, 99], [0, 0]]), seen), [-np.log(3 / 4) - np.log(1 / 4), 0]
    )


def test_of_several_signs_the_rarest_counts():
    seen = np.array([[1.0, 10], [2, 20], [3, 30]])
    np.testing.assert_allclose(oddness(np.array([[2.0, 99], [9, 0]]), seen), -np.log([1 / 4, 1 / 4]))


def test_too_few_covers_say_nothing():
    assert learnt(covers(99)) is None


@pytest.mark.parametrize("examples", [None, photos(20)])
def test_saved_and_loaded(tmp_path, examples):
    novelty = learn_novelty(covers(200), np.arange(200), examples)
    novelty.save(tmp_path / "n")
    X = covers(100, seed=1) * 1.5
    np.testing.assert_array_equal(
        Novelty.load(tmp_path / "n").is_out_of_distribution(X), novelty.is_out_of_distribution(X)
    )
    (tmp_path / "n" / "state.skops").write_bytes(b"x")
    with pytest.raises(UserError, match=r"state\.skops"):
        Novelty.load(tmp_path / "n")


def test_what_another_version_saved_is_called_so(tmp_path):
    (tmp_path / "bundle" / "novelty").mkdir(parents=True)
    write_state(tmp_path / "bundle" / "novelty" / "state.skops", {"looks": {"limit": 1.0}})
    with pytest.raises(UserError, match=r"bundle was made by another version, most likely an older .* Train"):
        Novelty.load(tmp_path / "bundle" / "novelty")
