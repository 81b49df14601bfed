"""Clients that hold connections instead of using them, in a process of their own."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from coverfusion.experiments.bench.malformed_uploads import form_headers
from coverfusion.experiments.pipeline.open_files import allow_open_files

PAUSE = 1.0  # seconds from one byte to the next, and until a closed connection is opened again
_FORM = "".join(f"{name}: {value}\r\n" for name, value in form_headers().items())
_BODY = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n{_FORM}\r\n".encode()
_HEADER = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nX-Long: "


@contextmanager
def attackers(port: int, silent: int, dripping: int) -> Iterator[Any]:
    """Holds so many connections, all from one address; gives a shared count of those opened so far.

    Args:
        port: of the service on this machine.
        silent: connections that send nothing.
        dripping: connections that send a byte a second, half of them of a header and half of a body.
    """
    spawn = multiprocessing.get_context("spawn")
    opened = spawn.Value("i", 0)
    process = spawn.Process(target=_attack, args=(port, silent, dripping, opened), daemon=True)
    process.start()
    end = time.monotonic() + 60
    while opened.value < silent + dripping and time.monotonic() < end:
        time.sleep(0.05)
    try:
        yield opened
    finally:
        process.terminate()
        process.join()


def _attack(port: int, silent: int, dripping: int, opened: Any) -> None:
    async def hold_all() -> None:
        begun = [b""] * silent + [_BODY if n % 2 else _HEADER for n in range(dripping)]
        await asyncio.gather(*(_hold(port, beginning, opened) for beginning in begun))

    allow_open_files(2 * (silent + dripping))
    asyncio.run(hold_all())


async def _hold(port: int, beginning: bytes, opened: Any) -> None:
    """Opens a connection and, whenever it is closed, another one."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened.value += 1
            writer.write(beginning)
            while not await _ended(reader):
                writer.write(b"a" if beginning else b"")
            writer.close()
        await asyncio.sleep(PAUSE)


async def _ended(reader: asyncio.StreamReader) -> bool:
    """Whether the connection is closed within the pause."""
    end = time.monotonic() + PAUSE
    while (left := end - time.monotonic()) > 0:
        with suppress(TimeoutError):
            if not await asyncio.wait_for(reader.read(65536), left):
                return True
    return False
