"""Token buckets, by hand."""

import pytest

from coverfusion.experiments.service import limits as service_limits
from coverfusion.experiments.service.limits import TokenBuckets


def test_a_burst_passes_and_then_one_request_every_half_second() -> None:
    buckets = TokenBuckets(rate=2, burst=3)
    assert [buckets.take("a", 10.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("a", 10.25) == 0.25  # half a token has come; asking too early costs nothing
    assert buckets.take("a", 10.5) == 0
    assert buckets.take("a", 10.5) == 0.5


def test_clients_do_not_share_tokens_and_silence_fills_no_more_than_the_burst() -> None:
    buckets = TokenBuckets(rate=1, burst=2)
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0, 0, 1]
    assert buckets.take("b", 0.0) == 0
    assert [buckets.take("a", 1000.0) for _ in range(3)] == [0, 0, 1]


def test_the_client_that_was_silent_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_limits, "MAX_CLIENTS", 2)
    buckets = TokenBuckets(rate=0.001, burst=1)
    for client in ("a", "b", "c"):
        assert buckets.take(client, 0.0) == 0
    assert buckets.take("b", 0.0) > 0
    assert buckets.take("a", 0.0) == 0
