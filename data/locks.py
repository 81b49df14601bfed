"""Several processes, one place: one works, the others wait or are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def only_one(lock: Path, busy: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds a lock file, which the system frees where its holder is killed.

    Args:
        lock: the file; it stays, for to remove it would let two in.
        busy: called once where another process holds it; then this one waits, unless `busy` raises.

    Raises:
        OSError: the file cannot be made.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        busy()
        held.acquire()
    try:
        yield
    finally:
        held.release()
