"""One thread that owns the model; pictures of all requests that wait are scored together."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from coverfusion.experiments.service.limits import RETRY_HEADERS
from coverfusion.experiments.service.problems import Problem

Item = TypeVar("Item")
MAX_BATCH_PICTURES = 32  # pictures a batch
IDLE_SECONDS = 0.02  # seconds without another picture after which a batch starts
MAX_WAIT_SECONDS = 0.1  # seconds that its first picture waits at most while the model is free


@dataclass(frozen=True)
class _Single(Generic[Item]):
    item: Item
    since: float = field(default_factory=time.monotonic)
    result: Future[Any] = field(default_factory=Future)


@dataclass(frozen=True)
class _Call:
    work: Callable[[], Any]
    result: Future[Any] = field(default_factory=Future)


_STOP = _Call(lambda: None)


class Batches(Generic[Item]):
    """Collects single items into batches, and runs other work on the model between them.

    Args:
        together: the results of some items, in their order.
        waiting: items that may be accepted and unanswered at a time.
        observe: called with the size and the seconds of each batch.
    """

    def __init__(
        self,
        together: Callable[[Sequence[Item]], Sequence[Any]],
        waiting: int,
        observe: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._together, self._waiting, self._observe = together, waiting, observe
        self._jobs: queue.SimpleQueue[_Single[Item] | _Call] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.taken = 0

    def start(self, first: Callable[[], Any] = lambda: None) -> None:
        """Starts the thread, which does `first` before everything else."""
        self._thread = threading.Thread(target=self._run, args=(_Call(first),), name="model", daemon=True)
        self._thread.start()

    def stop(self, seconds: float | None = None) -> None:
        """Finishes what was accepted, then ends the thread; waits `seconds` for it at most."""
        if self._thread:
            self._jobs.put(_STOP)
            self._thread.join(seconds)

    @contextmanager
    def places(self, count: int) -> Iterator[None]:
        """Holds `count` places in the queue; to be called on the event loop.

        Raises:
            Problem: busy, so many are not free.
        """
        if self.taken + count > self._waiting:
            raise Problem("busy", f"{self.taken} pictures are waiting. Try again later.", RETRY_HEADERS)
        self.taken += count
        try:
            yield
        finally:
            self.taken -= count

    async def together(self, items: Sequence[Item]) -> list[Any]:
        """The results of these items, each computed in whatever batch it came into."""
        singles = [_Single(item) for item in items]
        for single in singles:
            self._jobs.put(single)
        return await asyncio.gather(*(asyncio.wrap_future(single.result) for single in singles))

    async def alone(self, work: Callable[[], Any]) -> Any:
        """The result of other work with the model."""
        call = _Call(work)
        self._jobs.put(call)
        return await asyncio.wrap_future(call.result)

    def _run(self, first: _Call) -> None:
        _run_call(first)
        while True:
            singles, call = self._gather()
            self._run_batch([single for single in singles if single.result.set_running_or_notify_cancel()])
            if call is _STOP:
                return
            if call:
                _run_call(call)

    def _gather(self) -> tuple[list[_Single[Item]], _Call | None]:
        """Waits for work: the singles of one batch, and the call (if any) that came right behind them."""
        singles: list[_Single[Item]] = []
        job = self._jobs.get()
        while isinstance(job, _Single):
            singles.append(job)
            if len(singles) == MAX_BATCH_PICTURES:
                return singles, None
            left = (
                min(singles[-1].since + IDLE_SECONDS, singles[0].since + MAX_WAIT_SECONDS) - time.monotonic()
            )
            try:
                job = self._jobs.get(timeout=left) if left > 0 else self._jobs.get_nowait()
            except queue.Empty:
                return singles, None
        return singles, job

    def _run_batch(self, singles: Sequence[_Single[Item]]) -> None:
        if not singles:
            return
        started = time.perf_counter()
        try:
            results = self._together([single.item for single in singles])
        except Exception as error:  # noqa: BLE001 - raised again in the requests that wait for it
            for single in singles:
                single.result.set_exception(error)
            return
        self._observe(len(singles), time.perf_counter() - started)
        for single, result in zip(singles, results, strict=True):
            single.result.set_result(result)


def _run_call(call: _Call) -> None:
    if not call.result.set_running_or_notify_cancel():
        return
    try:
        call.result.set_result(call.work())
    except Exception as error:  # noqa: BLE001 - raised again in the request that waits for it
        call.result.set_exception(error)
