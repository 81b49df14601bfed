"""Files of web servers: no more is taken from a server than was asked for, whatever it sends."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
from fsspec import AbstractFileSystem
from fsspec.asyn import sync, sync_wrapper
from fsspec.implementations.http import HTTPFile

SECONDS = 60.0  # for one file: a server that drips bytes never runs into a read time-out
SILENT_SECONDS = 15.0  # without a byte; a file may be asked for three times
_PIECE = 2**16


def time_out() -> aiohttp.ClientTimeout:
    """How long a connection, a silence and a whole request may take."""
    return aiohttp.ClientTimeout(total=SECONDS, sock_connect=SILENT_SECONDS, sock_read=SILENT_SECONDS)


def read_start(store: AbstractFileSystem, url: str, size: int) -> bytes:
    """The first `size` bytes at most.

    Raises:
        OSError: they did not arrive in time.
    """
    content, end = bytearray(), time.monotonic() + SECONDS
    with store.open(url, "rb", block_size=0, size=size) as stream:  # with a size, nobody asks for it first
        while len(content) < size and (piece := stream.read(_PIECE)):
            content += piece
            if time.monotonic() > end:
                raise OSError(f"it did not arrive within {SECONDS:g} seconds")
    return bytes(content[:size])


def open_parts(store: AbstractFileSystem, url: str) -> HTTPFile:
    """A file whose parts are read as they are needed.

    Raises:
        OSError: the server does not say how large it is.
    """
    size = store.info(url)["size"]
    if size is None:
        raise OSError("the server does not say how large it is")
    session = sync(store.loop, store.set_session)
    return _Parts(store, url, session=session, size=size, loop=store.loop, **store.kwargs)


class _Parts(HTTPFile):  # type: ignore[misc]
    async def async_fetch_range(self, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`; fewer where the file ends earlier."""
        options: dict[str, Any] = dict(self.kwargs)
        headers = {**options.pop("headers", {}), "Range": f"bytes={start}-{end - 1}"}
        async with self.session.get(self.fs.encode_url(self.url), headers=headers, **options) as answer:
            if answer.status == 416:  # nothing lies there
                return b""
            answer.raise_for_status()
            if answer.status != 206 and start > 0:
                raise OSError("the server gives no parts of files")
            content = bytearray()
            while len(content) < end - start and (piece := await answer.content.read(_PIECE)):
                content += piece
            return bytes(content[: end - start])

    _fetch_range = sync_wrapper(async_fetch_range)
