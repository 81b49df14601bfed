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


def write_sums(folder: Path, names: Iterable[str] | None = None) -> None:
    """Notes the sha256 of files in `SHA256SUMS`; entries of other files stay.

    Args:
        folder: where they lie.
        names: of the files, relative to it; None: every file below it, and no earlier entry.
    """
    if names is None:
        sums = {}
        names = [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]
    else:
        sums = _sums(folder)
    sums |= {name: sha256_of(folder / name) for name in names if name != SUMS_FILE}
    write_whole(folder / SUMS_FILE, "".join(f"{sums[n]}  {n}\n" for n in sorted(sums)).encode())


def damaged_file(folder: Path, names: Iterable[str] | None = None) -> str | None:
    """The first file that is not what `SHA256SUMS` says, or None.

    A folder without the file (one that an earlier version made) has nothing that could be compared.

    Args:
        folder: of the files.
        names: which are looked at, relative to it; None: all that are listed.
    """
    if not (folder / SUMS_FILE).is_file():
        return None
    sums = _sums(folder)
    for name in sums if names is None else names:
        if not (folder / name).is_file() or sums.get(name) != sha256_of(folder / name):
            return name
    return None


def check_sums(folder: Path, names: Iterable[str] | None = None, remedy: str = "Make it again.") -> None:
    """Raises UserError where `damaged_file` finds one."""
    if name := damaged_file(folder, names):
        raise UserError(f"{folder / name} is missing or was changed after it was written. {remedy}")


def _sums(folder: Path) -> dict[str, str]:
    """Name -> digest; a line that is no entry is a name that no file has."""
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    return {line[66:]: line[:64] for line in lines}
