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
    return Path(os.environ.get("XDG_CACHE_HOME") or home_folder(variable) / ".cache") / "coverfusion" / name


def home_folder(variable: str) -> Path:
    """The user's home folder.

    Args:
        variable: names what would lie there, if it should lie elsewhere.

    Raises:
        UserError: the user has none.
    """
    try:
        return Path.home()
    except RuntimeError as error:  # no HOME, and nobody knows the user
        raise UserError(f"This user has no home folder. Set HOME, or name a folder in {variable}.") from error
