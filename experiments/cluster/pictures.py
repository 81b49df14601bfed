"""A part of a list of pictures, read and decoded inside an actor a chunk ahead of the models."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL.Image import Image

from coverfusion.data.addresses import PARALLEL_REQUESTS, is_address
from coverfusion.data.pictures import PictureError
from coverfusion.data.sources import read_bytes
from coverfusion.features.extract import COVERS_PER_CHUNK, read_decoded

DecodedPicture = tuple[str, str, Image | PictureError]  # cover_id, path, picture or why there is none


def decoded_chunks(
    places: Iterable[tuple[str, str]], base: Path, cpus: int, chunk: int = COVERS_PER_CHUNK
) -> Iterator[list[DecodedPicture]]:
    """Pictures in the same chunks as the local engine makes them, so that models see the same batches.

    Args:
        places: (cover_id, path or address) pairs; an empty cover_id is filled in from the bytes.
        base: what relative paths are relative to; the actor may run elsewhere than the command did.
        cpus: threads that decode.
        chunk: covers a list.
    """
    places = list(places)
    threads = PARALLEL_REQUESTS if any(is_address(path) for _, path in places) else cpus
    waiting: deque[list[Future[DecodedPicture]]] = deque()
    remaining = iter(places)
    read = partial(_read, base=base)
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(itertools.islice(remaining, chunk)):
            waiting.append([pool.submit(read_decoded, cover_id, path, read) for cover_id, path in batch])
            if len(waiting) > 1:
                yield [future.result() for future in waiting.popleft()]
        while waiting:
            yield [future.result() for future in waiting.popleft()]


def _read(path: str, base: Path) -> bytes:
    return read_bytes(path if is_address(path) else str(base / path))
