"""What several commands print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from coverfusion.experiments.pipeline.console import console

if TYPE_CHECKING:
    from coverfusion.experiments.evaluation.chosen_metric import Metric


def print_run(folder: Path) -> None:
    """Prints the leaderboard of a run, what was chosen, and where everything is."""
    from coverfusion.experiments.training.printed_run import print_scores

    print_scores(folder)
    print_places(folder, {"Run folder": "", "Model bundle": "bundle", "Report": "report.html"})


def print_equal(rope: float | None, metric: Metric) -> None:
    """Prints what the column `equal` of comparisons means, where there is one."""
    from coverfusion.experiments.drawing.words import region

    within = metric.rope(rope)
    if within == within:
        said = region(within, metric.percent)
        console.print(f"equal: the probability that the difference is within {said}.")


def print_places(folder: Path, names: Mapping[str, str]) -> None:
    """Prints a line for each label: the file of this name in the folder, or the folder for ""."""
    for label, name in names.items():
        print_place(label, folder / name)


def print_place(label: str, place: object) -> None:
    """Prints where something is, on one line however long."""
    console.print(f"{label}: {place}", soft_wrap=True)


def log_if_asked(place: Path, track: bool, tracking_uri: str | None) -> None:
    """Logs a finished result to MLflow where `--track` or `--tracking-uri` asks for it."""
    if not track and tracking_uri is None:
        return
    from coverfusion.experiments.tracking.log import log_folder

    print_place("MLflow run", log_folder(place, tracking_uri))
