"""What the picker says of each run: name, score and date; below it covers, interval and chance level."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from coverfusion.data.plurals import how_many
from coverfusion.experiments.drawing.words import SPLIT_LABELS, interval_words, value_words
from coverfusion.experiments.pipeline.run_folder import chance_of
from coverfusion.experiments.training.gist import chosen_name
from coverfusion.experiments.training.run_list import found_run

DIGEST = re.compile(r"-[0-9a-f]{10}$")  # of all that a run was made from, at the end of its name


def run_labels(folders: Sequence[Path]) -> dict[Path, str]:
    """Folder -> its label, such as "covers · accuracy 38.1 % · 29 Nov 2026", short enough for a phone.

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
    metric = found.run.metric
    score = f"{metric.label} {value_words(metric, found.run.score(found.run.chosen).value)}"
    return " · ".join((name, score, f"{found.date.day} {found.date:%b %Y}"))


def run_words(folder: Path) -> str:
    """What the label leaves out: covers, genres, model, interval, chance level and time.

    "" of a run that cannot be read.
    """
    found = found_run(folder)
    if found.run is None:
        return ""
    run, metric = found.run, found.run.metric
    score = run.score(run.chosen)
    counts = f"{how_many(run.facts['covers'], run.item)}, {how_many(len(run.facts['genres']), 'genre')}"
    reached = f"{metric.label} {value_words(metric, score.value)} ({interval_words(metric, score)})"
    sentences = [counts, f"{chosen_name(run)}: {reached} on {SPLIT_LABELS[run.split]}"]
    if metric.name == "accuracy" or run.baseline:  # an older run knows no other chance level
        how = "naming every genre gives" if run.several else "by chance"
        sentences.append(f"{how} {value_words(metric, chance_of(run, metric)[1])}")
    return "; ".join((*sentences, f"made at {found.date:%H:%M}"))
