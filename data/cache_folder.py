"""Where what can be made again is kept."""

from __future__ import annotations

import os
from pathlib import Path

from coverfusion.data.errors import UserError


def cache_folder(variable: str, name: str) -> Path:
    """The folder that an environment variable names, or `coverfusion/<name>` in the user's cache folder.

    Raises:
        UserError: the variable is not set, and the user has no home.
    """
    if named := os.environ.get(variable):
        return Path(named)
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:  # no HOME, and nobody knows the user
        raise UserError(f"This user has no home folder. Set HOME, or name a folder in {variable}.") from error
    return cache / "coverfusion" / name
