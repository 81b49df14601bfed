"""Memory that is freed goes back to the system."""

from __future__ import annotations

import ctypes
import functools
import platform

# glibc's mallopt: heaps that threads share, and bytes from which an allocation goes back when it is freed
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
_HEAPS, _GOES_BACK = 2, 2**20


@functools.cache
def give_memory_back() -> None:
    """Memory that a network or a picture has used goes back to the system, where the C library is glibc.

    Left to itself glibc keeps what each thread has freed: 0.3 GB more where OCR sees pictures of many sizes,
    and 0.7 GB more in a service that was sent six hostile pictures.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in (
            (_ARENA_MAX, _HEAPS),
            (_MMAP_THRESHOLD, _GOES_BACK),
            (_TRIM_THRESHOLD, _GOES_BACK),
        ):
            mallopt(option, value)
