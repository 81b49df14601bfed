"""What the picker says of each run: name, accuracy with its interval, and date."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import yaml

from coverfusion.data.errors import UserError
from coverfusion.experiments.drawing.words import percent, spread
from coverfusion.experiments.pipeline.run_folder import Run, read_run

DIGEST = re.compile(r"-[0-9a-f]{10}$")  # of all that a run was made from, at the end of its name
BROKEN = (OSError, ValueError, KeyError, TypeError, StopIteration, yaml.YAMLError, UserError)


def run_labels(folders: Sequence[Path]) -> dict[Path, str]:
    """Folder -> its label, such as "covers: 38.1 % (30.2 to 46.8), 29 Nov 2026".

    The digest of a name is shown only where two names are equal without it. A run that cannot be read is
    shown by its name.
    """
    short = [DIGEST.sub("", folder.name) for folder in folders]
    often = Counter(short)
    return {
        folder: _label(name if often[name] == 1 else folder.name, folder)
        for name, folder in zip(short, folders, strict=True)
    }


def run_date(run: Run) -> str:
    """When a run was made, in local time: "29 Nov 2026"."""
    date = datetime.fromisoformat(run.environment["date"]).astimezone()
    return f"{date.day} {date:%b %Y}"


def _label(name: str, folder: Path) -> str:
    try:
        run = read_run(folder)
        accuracy = run.accuracy(run.chosen)
        return f"{name}: {percent(accuracy.value)} ({spread(accuracy)}), {run_date(run)}"
    except BROKEN:
        return f"{name}: it cannot be read"
