"""What a result folder says of where it came from: versions, machine, command, and its own key."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "coverfusion", "torch", "torchvision", "open_clip_torch", "easyocr", "sentence-transformers",
    "facenet-pytorch", "catboost", "scikit-learn", "faiss-cpu", "scikit-image", "pandas", "numpy",
    "opencv-python-headless", "pillow", "umap-learn", "timm", "lightning-fabric", "optuna",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """Date, Python, platform, cores, package versions and the command line."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def digest(parts: Any) -> str:
    """The first 10 hex digits of the sha256 of any JSON value; equal parts give equal digests."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:10]


def write_json(path: Path, value: Any) -> None:
    """Readable JSON, written whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(value, indent=2, default=str) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """The value that `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
