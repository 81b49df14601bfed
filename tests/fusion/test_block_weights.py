import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.sparse import csr_matrix

from coverfusion.fusion.block_weights import (
    KernelWeights,
    _Search,
    combined,
    distinct_rows,
    learn_weights,
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


def test_squared_distances_hang_on_no_other_row():
    Z = np.random.default_rng(0).normal(size=(1500, 40)).astype(np.float32)
    every = squared_distances(Z, Z)
    assert every.dtype == np.float32
    for rows in (slice(7, 8), slice(1000, 1100)):
        np.testing.assert_allclose(squared_distances(Z[rows], Z), every[rows], rtol=1.3e-7, atol=1e-9)


def test_rows_that_come_again_have_the_distances_of_the_first():
    rng = np.random.default_rng(0)
    Z, others = rng.normal(size=(7, 5)).astype(np.float32), rng.normal(size=(9, 5)).astype(np.float32)
    order = rng.permutation(np.repeat(np.arange(7), 30))
    first, again = distinct_rows(Z[order])
    assert len(first) == 7
    np.testing.assert_array_equal(Z[order][first][again], Z[order])
    np.testing.assert_allclose(
        squared_distances(Z[order], others), squared_distances(Z, others)[order], rtol=1e-6
    )
    assert squared_distances(np.zeros((3, 0)), np.zeros((2, 0))).tolist() == [[0, 0]] * 3


def test_squared_distances_by_hand():
    found = squared_distances(np.array([[0.0, 0], [3, 4]]), np.array([[0.0, 1]]))
    np.testing.assert_allclose(found, [[1], [18]])


def test_the_kernel_is_a_sum_of_products_by_hand():
    weights = KernelWeights(2.0, {"a": 0.5, "b": 0.1}, {"b": 3.0}, {"b": 0.2}, {"t": 0.7})
    distances = {"a": np.array([[1.0]]), "b": np.array([[4.0]])}
    expected = 2 * np.exp(-0.5 * 1 - 0.1 * 4) + 3 * np.exp(-0.2 * 4) + 0.7 * 0.25
    np.testing.assert_allclose(combined(weights, distances.items(), [("t", np.array([[0.25]]))]), expected)


def test_the_gradient_is_that_of_the_error():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(30, 3)) for _ in range(2)]
    text = rng.normal(size=(30, 4))
    targets = np.eye(3)[rng.integers(0, 3, 30)] - 1 / 3
    search = _Search([squared_distances(p, p) for p in parts], [text @ text.T], targets, with_sums=True)
    point = np.log(rng.uniform(0.1, 1, 8))
    assert check_grad(lambda p: search.error(p)[0], lambda p: search.error(p)[1], point) < 1e-6


def test_text_that_tells_the_genre_gets_the_weight():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 150)
    Z = rng.normal(size=(150, 4)).astype(np.float32) / 2
    told = csr_matrix(np.eye(2, dtype=np.float32)[y])
    noise = csr_matrix(np.eye(2, dtype=np.float32)[rng.integers(0, 2, 150)])
    found = learn_weights(Z, {"noise": slice(0, 4)}, {"told": told, "other": noise}, y)
    assert found.texts["told"] > 3 * max(found.texts["other"], found.product)


def test_the_block_with_the_signal_gets_the_width():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    Z = rng.normal(size=(200, 10)).astype(np.float32) / np.sqrt(5)
    Z[:, 0] += 3 * y
    widths = learn_widths(Z, {"told": slice(0, 5), "noise": slice(5, 10)}, y)
    assert widths["told"] > 10 * widths["noise"]


def test_copies_of_a_cover_do_not_vouch_for_each_other():
    # every cover stands there four times: without groups, a noise block that knows copies apart looks perfect
    rng = np.random.default_rng(0)
    y = np.repeat(rng.integers(0, 2, 150), 4)
    noise = np.repeat(rng.normal(size=(150, 5)), 4, axis=0)
    told = rng.normal(size=(600, 5)) + y[:, None]
    Z = (np.concatenate([told, noise], axis=1) / np.sqrt(5)).astype(np.float32)
    slices = {"told": slice(0, 5), "noise": slice(5, 10)}
    fooled = learn_widths(Z, slices, y)
    fair = learn_widths(Z, slices, y, groups=np.arange(600) // 4)
    assert fooled["noise"] > fooled["told"]
    assert fair["told"] > fair["noise"]


@pytest.mark.parametrize("seed", [0, 1])
def test_same_seed_same_widths(seed):
    rng = np.random.default_rng(3)
    y, Z = rng.integers(0, 2, 80), rng.normal(size=(80, 4)).astype(np.float32)
    slices = {"a": slice(0, 2), "b": slice(2, 4)}
    first = learn_widths(Z, slices, y, largest_n=50, seed=seed)
    assert first == learn_widths(Z, slices, y, largest_n=50, seed=seed)


def test_text_without_any_block_has_a_kernel():
    y = np.arange(60) % 2
    told = csr_matrix(np.eye(2, dtype=np.float32)[y])
    found = learn_weights(np.zeros((60, 0), np.float32), {}, {"told": told}, y)
    assert found.texts["told"] > 1
    assert not found.widths
    assert not found.sums
