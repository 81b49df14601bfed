"""Whether an output can be written: asked before the work, not after it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from coverfusion.data.errors import UserError
from coverfusion.data.locks import only_one
from coverfusion.data.names import in_utf8
from coverfusion.experiments.pipeline.console import console


def check_writable(place: str | os.PathLike[str], option: str = "--out") -> None:
    """Tries to write a file where `place` is or will be; nothing stays there.

    Args:
        place: a file or folder, there already or not.
        option: that names it.

    Raises:
        UserError: the disk is full or read-only, rights are missing, or a part of the path is a file.
    """
    place = Path(place)
    near = place
    try:
        near = next(folder for folder in (place, *place.absolute().parents) if _is_end(folder, place))
        with tempfile.TemporaryFile(dir=near) as file:
            file.write(b"0")
    except OSError as error:
        raise UserError(
            f"{option} {place}: nothing can be written in {near} ({error.strerror}). Name another place."
        ) from error


def check_folder(out: str | os.PathLike[str], option: str = "--out") -> None:
    """Refuses a folder that a command could not write into.

    Args:
        out: the folder, there already or not.
        option: that names it.

    Raises:
        UserError: a file is there, its name is not in UTF-8, or as `check_writable`.
    """
    if not in_utf8(os.fspath(out)):
        raise UserError(
            f"{option} {out}: the name is not in UTF-8, so that not all files can be written there. "
            f"Name another folder."
        )
    if Path(out).exists() and not Path(out).is_dir():
        raise UserError(f"{option} {out} is a file. Name a folder.")
    check_writable(out, option)


@contextmanager
def one_writer(lock: Path, what: Path) -> Iterator[None]:
    """One process at a time makes `what`; another says so and waits until it is made.

    Args:
        lock: a file that stays.
        what: a folder.
    """

    def busy() -> None:
        console.print(f"Another process is making {what}; this one waits for it.", style="yellow")

    try:
        with only_one(lock, busy):
            yield
    finally:
        if not what.exists():  # it was refused: nothing of it stays
            lock.unlink(missing_ok=True)
            with suppress(OSError):  # others' results
                lock.parent.rmdir()


@contextmanager
def left_out_if_refused(folder: Path) -> Iterator[None]:
    """A folder that is made for a study that is then refused does not stay; one with fits in it does."""
    there = folder.exists()
    try:
        yield
    except UserError:
        if not there and not any(path.is_file() for path in (folder / "fits").rglob("*")):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def check_file(
    out: str | os.PathLike[str], kinds: Sequence[str], inputs: Sequence[str] = (), option: str = "--out"
) -> None:
    """Refuses a file that a command could not or should not write.

    Args:
        out: the file.
        kinds: suffixes that it may have, with the dot.
        inputs: files that must not be overwritten.
        option: that names it.

    Raises:
        UserError: another suffix, no folder, an input of the command, or as `check_writable`.
    """
    out = Path(out)
    if out.suffix.lower() not in kinds:
        raise UserError(f"{option} {out}: the name must end in {' or '.join(kinds)}.")
    if not out.parent.is_dir():
        raise UserError(f"{option} {out}: there is no folder {out.parent}. Make it, or name another.")
    if out.is_dir():
        raise UserError(f"{option} {out}: this is a folder. Name a file.")
    if any(out.resolve() == Path(one).resolve() for one in inputs):
        raise UserError(f"{option} {out}: this is the picture itself. Name another file.")
    check_writable(out, option)


def _is_end(folder: Path, place: Path) -> bool:
    """Whether it is there, and is not the file that will be replaced."""
    return folder.is_dir() if folder == place else folder.exists()
