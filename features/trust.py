"""What libraries may do with weights from elsewhere: read numbers from them, and nothing else.

Several take settings from files that lie beside the weights: whether to run Python files, whether to unpickle
anything at all, where to look for more. Here no file decides that: whoever loads calls `check_folder` on a
folder, loads within `numbers_alone`, and hands the switches over as arguments.
"""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coverfusion.data.errors import UserError

HARMLESS = {"trust_remote_code": False, "weights_only": True}  # switches, and the value that a file may have
ELSEWHERE = {  # settings that name another model or file
    "base_model_name_or_path",
    "bpe_path",
    "cache_dir",
    "cache_folder",
    "hf_model_name",
    "tokenizer_name_or_path",
}
MEMORIES = {"_name_or_path", "name_or_path", "special_tokens_map_file"}  # where a model was made; not read
SCHEMES = ("hf-hub:", "local-dir:")  # by which open_clip and timm find models
_ONLY_WEIGHTS = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # torch asks for it at each `torch.load`
_loading = threading.RLock()


@contextmanager
def numbers_alone() -> Iterator[None]:
    """While it lasts `torch.load` unpickles tensors and plain values alone, whatever a library asks of it."""
    with _loading:
        before = os.environ.get(_ONLY_WEIGHTS)
        os.environ[_ONLY_WEIGHTS] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[_ONLY_WEIGHTS]
            else:
                os.environ[_ONLY_WEIGHTS] = before


def check_folder(folder: Path) -> None:
    """Checks a model's folder before a library reads it.

    Raises:
        UserError: a file in it leads out of it or is no plain file, or a setting in one of its JSON files
            would make a library run code or read something else.
    """
    home = folder.resolve()
    if home.parent.name == "snapshots":  # of the Hugging Face cache, where files are links into `blobs`
        home = home.parent.parent
    for place, folders, files in os.walk(folder):
        for path in [Path(place, name) for name in folders + files]:
            if not path.resolve().is_relative_to(home):
                raise UserError(f"{path} is a link out of {folder}. Put the file itself there.")
            kind = path.stat().st_mode if path.exists() else 0
            if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
                raise UserError(f"{path} is no plain file. Remove it.")
            if path.suffix == ".json" and stat.S_ISREG(kind):
                _check_settings(path, home)


def _check_settings(path: Path, home: Path) -> None:
    try:
        settings = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    for key, value in _pairs(settings):
        if key in HARMLESS and value is not None and value is not HARMLESS[key]:
            raise UserError(f"{path} sets {key} to {value!r}, which no file may decide. Remove that line.")
        if _is_elsewhere(key, value, path.parent, home):
            raise UserError(
                f"{path} sets {key} to {value!r}, which lies outside of its folder. Remove that line, or put "
                f"into the folder what it needs."
            )


def _pairs(settings: Any) -> Iterator[tuple[str, Any]]:
    """Each key of nested JSON with its value."""
    waiting = [settings]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from one.items()
            waiting += one.values()
        elif isinstance(one, list):
            waiting += [part for part in one if isinstance(part, dict | list)]


def _is_elsewhere(key: str, value: Any, folder: Path, home: Path) -> bool:
    """Whether a setting names another model, or a file outside of `home`."""
    if not isinstance(value, str) or not value or key in MEMORIES:
        return False
    if key in ELSEWHERE or value.startswith(SCHEMES):
        return True
    if key.endswith("attn_implementation"):
        return "/" in value  # code from a hub of kernels
    if len(Path(value).parts) < 2 or len(value) > 1000 or "\0" in value:
        return False
    places = [(base / value).expanduser() for base in (folder, Path())]
    return any(place.exists() and not place.resolve().is_relative_to(home) for place in places)
