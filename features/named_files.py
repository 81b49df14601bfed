"""Weight files that the user has named: on the command line, in a config of theirs, or in Python.

Bundles, indexes and run folders note which files their blocks were made with. A foreign one could note any
file of this machine, so the user alone says which of them are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from coverfusion.data.errors import UserError
from coverfusion.features.registry import BLOCKS

_named: set[Path] = set()


def name_files(files: Iterable[str | os.PathLike[str]]) -> None:
    """Lets bundles, indexes and run folders read these weight files and folders in this process."""
    _named.update(Path(file).expanduser().resolve() for file in files)


def named_files() -> list[Path]:
    """What has been named; it can be sent to another process."""
    return sorted(_named)


def forget_named_files() -> None:
    """Forgets all of them."""
    _named.clear()


def files_of(block: str, parameters: Mapping[str, Any]) -> list[Path]:
    """The files and folders that parameters of a block name: those annotated with `os.PathLike`.

    Raises:
        UserError: there is no such block.
    """
    hints = get_type_hints(BLOCKS.class_of(block).__init__)
    values = [value for key, value in parameters.items() if _is_path(hints.get(key))]
    paths = [Path(value).expanduser() for value in values if isinstance(value, str | os.PathLike) and value]
    return [path.resolve() for path in paths if path.exists()]


def check_named(block: str, parameters: Mapping[str, Any], needed_by: str) -> None:
    """Checks that what was saved elsewhere reads only files that the user has named.

    Args:
        block: its name.
        parameters: as they were saved.
        needed_by: what was saved, to open the message.

    Raises:
        UserError: another file; the message says how to name it.
    """
    for path in files_of(block, parameters):
        if not any(path.is_relative_to(place) for place in _named):
            raise UserError(
                f"{needed_by} would read {path} for block '{block}'. If you trust that file, name it: "
                f"`coverfusion --checkpoint {path} ...`, or `coverfusion.name_files` in Python."
            )


def _is_path(hint: Any) -> bool:
    kinds = get_args(hint) or (hint,)
    return any((get_origin(kind) or kind) in (os.PathLike, Path) for kind in kinds)
