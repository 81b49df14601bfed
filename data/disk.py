"""A disk that is full or cannot be written to: said in one message, and before a mapped page is touched."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from coverfusion.data.errors import UserError


@contextlib.contextmanager
def writing(what: str, option: str = "--store") -> Iterator[None]:
    """Turns an OSError into a UserError.

    Args:
        what: is written, such as "the store /a/b".
        option: that names another place.

    Raises:
        UserError: the disk is full, the place is read-only, rights are missing.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = "the disk is full"
            do = "Free some space and run the same command again: it goes on from here"
        else:
            why = str(error.strerror or error)
            do = f"Name another folder with {option}, or mend its permissions"
        raise UserError(f"Cannot write to {what}: {why}. What was computed before is kept. {do}.") from error


def allocate(file: int | Path, size: int) -> None:
    """Takes the blocks of a file that will be mapped: on a full disk a sparse one kills with SIGBUS.

    Args:
        file: open for writing, or its path.
        size: bytes.

    Raises:
        OSError: the disk is full.
    """
    if not size or not hasattr(os, "posix_fallocate"):
        return
    if isinstance(file, int):
        os.posix_fallocate(file, 0, size)
        return
    with file.open("r+b") as stream:
        os.posix_fallocate(stream.fileno(), 0, size)
