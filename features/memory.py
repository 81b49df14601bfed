"""Memory that threads have freed is there for others, where the C library is glibc."""

from __future__ import annotations

import ctypes
import functools
import platform

_ARENA_MAX, _HEAPS = -8, 2  # glibc's mallopt: how many heaps all threads share


@functools.cache
def share_heaps() -> None:
    """All threads share two heaps: what one has freed another can use.

    Left to itself glibc keeps a heap for each thread. That large blocks go back at once, another switch of
    its, saves little more, and torch's networks take a third longer then.
    """
    if glibc := _glibc():
        glibc.mallopt(_ARENA_MAX, _HEAPS)


def trim_heaps() -> None:
    """What is free in the heaps goes back to the system."""
    if glibc := _glibc():
        glibc.malloc_trim(0)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
