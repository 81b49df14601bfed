"""Faults of the machine, told apart from those of a cover: they stop a run, and nobody remembers them.

A broken cover is a row with its reason. Memory, a disk, a right, a library or weights that are not there are
so for every cover, and would be held against each of them.
"""

from __future__ import annotations

import errno
import re

from coverfusion.data.errors import UserError

# what is said where not even one file more can be read, whichever it is
NO_FILE_AT_ALL = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENODEV,
    errno.ENOMEM,
    errno.ENOSPC,
    errno.ENOTCONN,
    errno.ESTALE,
}
_NO_MEMORY = re.compile(
    r"out of memory|(can't|cannot|failed to|unable to) allocate|(not enough|insufficient) memory|bad.?alloc",
    re.IGNORECASE,
)
_NO_DEVICE = re.compile(r"\bCUDA\b|NVIDIA|cuDNN|cuBLAS|NCCL|can't start new thread", re.IGNORECASE)
_MEMORY_ADVICE = "Give it more memory or end other programs, and run the same command again"
_ADVICE = "Mend that, and run the same command again"


class MachineError(UserError):
    """The machine lacks what every cover needs; what was done before is kept."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, of the machine or of its GPU, was not enough; each library says so in its own way."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, Exception) and bool(_NO_MEMORY.search(str(error)))


def machine_fault(error: BaseException | None) -> str | None:
    """What the machine lacks and what to do, where that caused an error that no cover can cause; else None.

    Args:
        error: raised by code that had its picture in memory already. Those that caused it count too.
    """
    if error is None:
        return None
    if is_out_of_memory(error):
        return f"Memory ran out ({_text(error)}). {_MEMORY_ADVICE}."
    if isinstance(error, RuntimeError) and _NO_DEVICE.search(str(error)):
        return f"{_text(error)}. {_ADVICE}."
    if isinstance(error, ImportError):
        return f"a library cannot be loaded ({error}). {_ADVICE}."
    if isinstance(error, ConnectionError | TimeoutError) or (
        isinstance(error, OSError) and error.errno is not None
    ):
        named = f"{error.filename}: " if error.filename else ""
        return f"{named}{error.strerror or error}. {_ADVICE}."
    return machine_fault(error.__cause__)


def stop_at_machine_fault(error: BaseException, what: str) -> None:
    """Does nothing where a cover, or a bug that it brought out, is at fault.

    Args:
        error: as for `machine_fault`.
        what: cannot go on, such as "Block 'ocr'".

    Raises:
        MachineError: the machine is at fault.
        UserError: the error itself is one, and says what is wrong.
    """
    if isinstance(error, UserError):
        raise error
    if fault := machine_fault(error):
        raise MachineError(f"{what} cannot go on: {fault}") from error


def stop_where_nothing_can_be_read(error: BaseException, path: str) -> None:
    """Does nothing where the file itself is at fault.

    Args:
        error: raised when a cover's file was read.
        path: of the file.

    Raises:
        MachineError: no other file could be read either.
    """
    if is_out_of_memory(error) or (isinstance(error, OSError) and error.errno in NO_FILE_AT_ALL):
        raise MachineError(f"{path} cannot be read, nor can others: {machine_fault(error)}") from error


def _text(error: BaseException) -> str:
    """The first line of what it says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
