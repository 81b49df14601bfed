"""The one thread that owns the model."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from coverfusion.experiments.service.batches import MAX_BATCH_PICTURES, Batches
from coverfusion.experiments.service.problems import Problem


class Doubling:
    """Batches that double numbers, and what they were given."""

    def __init__(self, waiting: int = 1000) -> None:
        self.seen: list[list[int]] = []
        self.threads: set[int] = set()
        self.batches = Batches(self._double, waiting)

    def _double(self, numbers: Sequence[int]) -> list[int]:
        self.seen.append(list(numbers))
        self.threads.add(threading.get_ident())
        if -13 in numbers:
            raise ValueError("thirteen")
        return [2 * number for number in numbers]

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """The result of `work`, which runs while the thread does."""

        async def all_of_it() -> Any:
            try:
                return await work()
            finally:
                self.batches.stop()

        return asyncio.run(all_of_it())


def test_what_waits_is_answered_together_in_batches_of_the_size() -> None:
    doubling = Doubling()

    async def work() -> list[list[int]]:
        asked = [asyncio.create_task(doubling.batches.together([n, n + 100])) for n in range(20)]
        await asyncio.sleep(0)  # all of them are in the queue before the thread starts
        doubling.batches.start()
        return await asyncio.gather(*asked)

    assert doubling.run(work) == [[2 * n, 2 * n + 200] for n in range(20)]
    assert [len(batch) for batch in doubling.seen] == [MAX_BATCH_PICTURES, 40 - MAX_BATCH_PICTURES]
    assert len(doubling.threads) == 1
    assert threading.get_ident() not in doubling.threads


def test_other_work_runs_on_the_same_thread_between_batches() -> None:
    doubling = Doubling()

    async def work() -> list[Any]:
        asked = [doubling.batches.together([1]), doubling.batches.alone(threading.get_ident)]
        asked += [doubling.batches.together([2])]
        waiting = asyncio.gather(*asked)
        await asyncio.sleep(0)
        doubling.batches.start()
        return await waiting

    first, thread, second = doubling.run(work)
    assert (first, second) == ([2], [4])
    assert {thread} == doubling.threads
    assert doubling.seen == [[1], [2]]


def test_an_error_reaches_those_who_asked_and_the_thread_goes_on() -> None:
    doubling = Doubling()

    async def work() -> list[int]:
        doubling.batches.start()
        with pytest.raises(ValueError, match="thirteen"):
            await doubling.batches.together([-13])
        with pytest.raises(ZeroDivisionError):
            await doubling.batches.alone(lambda: 1 // 0)
        return await doubling.batches.together([4])

    assert doubling.run(work) == [8]


def test_stopping_answers_what_was_accepted() -> None:
    doubling = Doubling()

    async def work() -> list[list[int]]:
        asked = [asyncio.create_task(doubling.batches.together([n])) for n in range(100)]
        await asyncio.sleep(0)
        doubling.batches.start()
        await asyncio.to_thread(doubling.batches.stop)
        return await asyncio.gather(*asked)

    assert doubling.run(work) == [[2 * n] for n in range(100)]


def test_places_are_limited_and_given_back() -> None:
    batches = Doubling(waiting=5).batches
    with batches.places(3), batches.places(2), pytest.raises(Problem) as error, batches.places(1):
        pass
    assert error.value.kind == "busy"
    assert "Retry-After" in (error.value.headers or {})
    with batches.places(5):
        assert batches.taken == 5
    assert batches.taken == 0
