"""`SHA256SUMS` of a folder whose files others read too: what was written is what is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from coverfusion.data.errors import UserError
from coverfusion.data.sealed_files import write_whole

SUMS_FILE = "SHA256SUMS"  # as `sha256sum` writes it, so that `sha256sum -c SHA256SUMS` checks a folder too


def sha256_of(path: Path) -> str:
    """sha256 of a file, 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_below(folder: Path) -> list[str]:
    """The names of all files below a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def write_sums(folder: Path, names: Iterable[str]) -> None:
    """Notes the sha256 of files in `SHA256SUMS`; entries of other files that are there stay.

    Args:
        folder: where they lie.
        names: of the files, relative to it.
    """
    sums = {name: digest for name, digest in _sums(folder).items() if (folder / name).is_file()}
    sums |= {name: sha256_of(folder / name) for name in names}
    write_whole(folder / SUMS_FILE, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode())


def damaged_file(folder: Path, names: Iterable[str] | None = None) -> str | None:
    """The first file listed in `SHA256SUMS` that is not there, or is not what it was; None: all is well.

    A file that is not listed, or in a folder without a list, has nothing that it could be compared with.

    Args:
        folder: of the files.
        names: of those to be read, relative to it; None: all that are listed.
    """
    sums = _sums(folder)
    for name in sums:
        if not (folder / name).is_file():
            return name
    wanted = sums if names is None else [name for name in names if name in sums]
    return next((name for name in wanted if sha256_of(folder / name) != sums[name]), None)


def check_sums(folder: Path, names: Iterable[str] | None = None, remedy: str = "Make it again.") -> None:
    """Raises UserError where `damaged_file` finds one."""
    if name := damaged_file(folder, names):
        raise UserError(f"{folder / name} is missing or was changed after it was written. {remedy}")


def _sums(folder: Path) -> dict[str, str]:
    """Name -> digest; a damaged line gives a name that no file has."""
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return {}
    return {line[66:].replace("\0", "\ufffd"): line[:64] for line in lines if line}
