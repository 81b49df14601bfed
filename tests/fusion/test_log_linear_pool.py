"""Pools whose weights are known: calibrated, doubled, useless and equally good members."""

import numpy as np
import pytest
from scipy.special import log_softmax

from coverfusion.fusion.log_linear_pool import LogLinearPool


def _calibrated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) log probabilities, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    logs = log_softmax(rng.normal(scale=2, size=(n, 3)), axis=1)
    return logs, np.array([rng.choice(3, p=row) for row in np.exp(logs)])


def test_a_calibrated_member_alone_keeps_its_word() -> None:
    logs, y = _calibrated(4000, 0)
    pool = LogLinearPool().fit(logs[None], y)
    assert pool.weights_ == pytest.approx([1.0], abs=0.1)
    np.testing.assert_allclose(pool.biases_, 0, atol=0.1)
    np.testing.assert_allclose(pool(logs[None]), np.exp(logs), atol=0.05)


def test_a_useless_member_gets_no_weight() -> None:
    logs, y = _calibrated(4000, 1)
    noise = log_softmax(np.random.default_rng(2).normal(size=logs.shape), axis=1)
    pool = LogLinearPool().fit(np.stack([logs, noise]), y)
    assert pool.weights_ == pytest.approx([1.0, 0.0], abs=0.1)


def test_one_that_is_too_sure_is_toned_down_and_equals_share() -> None:
    logs, y = _calibrated(4000, 3)
    doubled = log_softmax(2 * logs, axis=1)
    pool = LogLinearPool().fit(np.stack([doubled, doubled]), y)
    assert pool.weights_ == pytest.approx([0.25, 0.25], abs=0.03)


def test_evidence_that_is_independent_adds_up() -> None:
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, 6000)
    seen = [y[:, None] * [0, 1] + (1 - y[:, None]) * [1, 0] + rng.normal(size=(len(y), 2)) for _ in range(2)]
    # of two normal numbers with means 0 and 1 the log odds are their difference
    logs = np.stack([log_softmax(x, axis=1) for x in seen])
    assert LogLinearPool().fit(logs, y).weights_ == pytest.approx([1.0, 1.0], abs=0.12)


def test_heavy_rows_count_more() -> None:
    logs, _ = _calibrated(1000, 5)
    y = np.arange(1000) % 3
    pool = LogLinearPool().fit(logs[None], y, np.where(y == 2, 8.0, 1.0))
    assert pool.biases_.argmax() == 2
    assert pool(logs[None])[:, 2].mean() == pytest.approx(0.8, abs=0.02)
