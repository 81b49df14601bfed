"""Memory that threads share: who asks for more than is left waits."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class MemoryBudget:
    """Bytes that all threads of a process may hold together.

    Args:
        total: bytes; who asks for more than that alone gets all of it.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._free_all()
        os.register_at_fork(after_in_child=self._free_all)  # the threads that hold some are not in the child

    def _free_all(self) -> None:
        self._left = self.total
        self._freed = threading.Condition()
        self._turn = threading.Lock()  # first come, first served: else small ones pass a large one for ever

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Holds so many bytes, once they are free."""
        size = min(size, self.total)
        with self._turn, self._freed:
            self._freed.wait_for(lambda: self._left >= size)
            self._left -= size
        try:
            yield
        finally:
            with self._freed:
                self._left += size
                self._freed.notify()
