import numpy as np
import pytest

from coverfusion.fusion.block_weights import (
    coordinate_search,
    learn_widths,
    leave_one_out,
    squared_distances,
)


def test_closed_form_equals_leaving_each_row_out():
    rng = np.random.default_rng(0)
    Z, targets = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    K = np.exp(-squared_distances(Z, Z))
    expected = []
    for row in range(12):
        rest = np.delete(np.arange(12), row)
        solved = np.linalg.solve(K[np.ix_(rest, rest)] + 0.3 * np.eye(11), targets[rest])
        expected.append(K[row, rest] @ solved)
    np.testing.assert_allclose(leave_one_out(K, targets, 0.3), expected, rtol=1e-8)


def test_squared_distances_by_hand():
    found = squared_distances(np.array([[0.0, 0], [3, 4]]), np.array([[0.0, 1]]))
    np.testing.assert_allclose(found, [[1], [18]])


def test_coordinate_search_finds_the_bottom_of_a_bowl():
    bottom = np.array([8.0, 0.25])
    found = coordinate_search(
        lambda p: float(((np.log(p) - np.log(bottom)) ** 2).sum()), np.array([1.0, 1.0])
    )
    np.testing.assert_allclose(found, bottom)


def test_the_block_with_the_signal_gets_the_width():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    Z = rng.normal(size=(200, 10)).astype(np.float32) / np.sqrt(5)
    Z[:, 0] += 3 * y
    gammas, ridge = learn_widths(Z, {"told": slice(0, 5), "noise": slice(5, 10)}, y)
    assert ridge > 0
    assert gammas["told"] > 10 * gammas["noise"]


def test_copies_of_a_cover_do_not_vouch_for_each_other():
    # every cover stands there twice: without groups, a noise block that knows copies apart looks perfect
    rng = np.random.default_rng(0)
    y = np.repeat(rng.integers(0, 2, 100), 2)
    noise = np.repeat(rng.normal(size=(100, 5)), 2, axis=0)
    told = rng.normal(size=(200, 5)) + 0.7 * y[:, None]
    Z = (np.concatenate([told, noise], axis=1) / np.sqrt(5)).astype(np.float32)
    slices = {"told": slice(0, 5), "noise": slice(5, 10)}
    fooled, _ = learn_widths(Z, slices, y)
    fair, _ = learn_widths(Z, slices, y, groups=np.arange(200) // 2)
    assert fooled["noise"] > fooled["told"]
    assert fair["told"] > fair["noise"]


@pytest.mark.parametrize("seed", [0, 1])
def test_same_seed_same_widths(seed):
    rng = np.random.default_rng(3)
    y, Z = rng.integers(0, 2, 80), rng.normal(size=(80, 4)).astype(np.float32)
    slices = {"a": slice(0, 2), "b": slice(2, 4)}
    first = learn_widths(Z, slices, y, largest_n=50, seed=seed)
    assert first == learn_widths(Z, slices, y, largest_n=50, seed=seed)
