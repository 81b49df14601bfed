"""What the picker says of each run: name, accuracy with its interval, and date."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from coverfusion.experiments.drawing.words import percent, spread
from coverfusion.experiments.training.run_list import found_run

DIGEST = re.compile(r"-[0-9a-f]{10}$")  # of all that a run was made from, at the end of its name


def run_labels(folders: Sequence[Path]) -> dict[Path, str]:
    """Folder -> its label, such as "covers · svc · 38.1 % (30.2-46.8) · 29 Nov 2026, 18:04".

    The digest of a name is shown only where two names are equal without it. A run that cannot be read is
    shown by its name.
    """
    short = [DIGEST.sub("", folder.name) for folder in folders]
    often = Counter(short)
    return {
        folder: _label(name if often[name] == 1 else folder.name, folder)
        for name, folder in zip(short, folders, strict=True)
    }


def _label(name: str, folder: Path) -> str:
    found = found_run(folder)
    if found.run is None:
        return f"{name}: it cannot be read"
    accuracy = found.run.accuracy(found.run.chosen)
    score = f"{percent(accuracy.value)} ({spread(accuracy)})"
    when = f"{found.date.day} {found.date:%b %Y, %H:%M}"
    return " · ".join((name, found.run.chosen.classifier, score, when))
