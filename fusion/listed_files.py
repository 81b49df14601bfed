"""Folders whose manifest lists each file with its digest: plain files of their own, and no others."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from coverfusion.data.checksums import sha256_of
from coverfusion.data.errors import UserError


def plain_files(folder: Path) -> set[str]:
    """The files under a folder, relative and with `/`.

    Raises:
        UserError: something there is a link, a pipe or a device, which could be anything or never end.
    """
    found = set()
    for place, folders, files in os.walk(folder):
        for path in [Path(place, name) for name in folders + files]:
            kind = path.lstat().st_mode
            if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
                raise UserError(f"{path} is a link or no plain file. Put the file itself there.")
            if stat.S_ISREG(kind):
                found.add(path.relative_to(folder).as_posix())
    return found


def check_digests(folder: Path, listed: Mapping[str, str], remedy: str) -> None:
    """Compares each listed file with its digest.

    Args:
        folder: where they lie.
        listed: relative name -> sha256.
        remedy: what to do otherwise, a sentence.

    Raises:
        UserError: as `plain_files`; a file is missing, or was changed.
    """
    present = plain_files(folder)
    for name in sorted(listed):
        if name not in present:
            raise UserError(f"{folder / name} is missing. {remedy}")
        if sha256_of(folder / name) != listed[name]:
            raise UserError(f"{folder / name} was changed after it was made. {remedy}")


def member_folder(folder: Path, name: str) -> Path:
    """Where the files of a member lie. Raises UserError for a name that leads out of the folder."""
    if Path(name).name != name:
        raise UserError(f"{folder} names a member '{name}', which is no name. Train again or copy it anew.")
    return folder / name
