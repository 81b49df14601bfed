"""Random numbers by a seed and by what they are for: neighbouring seeds have nothing in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

_BYTES = 8  # of a hash


def seed_for(seed: int, *purpose: object) -> int:
    """A seed of 0 to 2^63 - 1 for one of several things that are drawn under one seed.

    Args:
        seed: the user's.
        purpose: what it is for: names and numbers, such as `"member", 2`.
    """
    return int.from_bytes(_started(seed, purpose).digest(), "big") >> 1


def draws(identities: Iterable[object], seed: int, *purpose: object) -> np.ndarray:
    """(n,) uniform float64 in [0, 1): each hangs on its own identity alone, not on the others or their order.

    Args:
        identities: n values that are told apart by their text.
        seed: other seeds give other numbers.
        purpose: other purposes too.
    """
    started = _started(seed, purpose)
    found = bytearray()
    for identity in identities:
        one = started.copy()
        one.update(str(identity).encode())
        found += one.digest()
    return (np.frombuffer(bytes(found), ">u8") >> np.uint64(11)) * 2.0**-53


def _started(seed: int, purpose: tuple[object, ...]) -> Any:
    return hashlib.blake2b("|".join([*map(str, (seed, *purpose)), ""]).encode(), digest_size=_BYTES)
