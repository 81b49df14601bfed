"""What a network gave for its last pictures: blocks of one chunk that share a network share its work."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

Result = TypeVar("Result")

PICTURES = 64  # as many as `features.extract` computes together


class Remembered(Generic[Result]):
    """`work` with its last results at hand; any number of threads may call it.

    Inputs are told apart by their bytes, so a copy of a picture counts as the same one, and a picture that
    was drawn on counts as another.

    Args:
        work: from some inputs, arrays of one shape, to a result for each.
        size: how many results are kept.
    """

    def __init__(
        self, work: Callable[[Sequence[np.ndarray]], Sequence[Result]], size: int = PICTURES
    ) -> None:
        self._work = work
        self._size = size
        self._kept: dict[bytes, Result] = {}
        self._lock = threading.Lock()

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[Result]:
        """The results for `inputs`, in their order; only those that are not at hand are computed."""
        keys = [_key(x) for x in inputs]
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
        missing = {key: x for key, x in zip(keys, inputs, strict=True) if key not in found}
        found |= zip(missing, self._work(list(missing.values())), strict=True) if missing else {}
        with self._lock:
            self._kept |= {key: found[key] for key in missing}
            for key in list(self._kept)[: -self._size]:
                del self._kept[key]
        return [found[key] for key in keys]

    def at_hand(self, given: np.ndarray) -> Result | None:
        """The result for one input, or None where it would have to be computed."""
        with self._lock:
            return self._kept.get(_key(given))

    def forget(self) -> None:
        """Keeps nothing: what follows is computed."""
        with self._lock:
            self._kept.clear()


def _key(given: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(given).data, digest_size=16).digest()
