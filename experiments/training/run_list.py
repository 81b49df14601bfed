"""The runs in a folder, with what each is of and how good its model is; broken ones are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from coverfusion.data.errors import UserError
from coverfusion.experiments.drawing.words import SPLIT_LABELS, score_labels, scored
from coverfusion.experiments.pipeline.console import console, new_table
from coverfusion.experiments.pipeline.run_folder import NOTE_FILE, Run, read_run

ANY_OF_A_RUN = ("report.html", "metrics.json", "bundle")  # what only a run has, finished or broken


@dataclass(frozen=True)
class FoundRun:
    """A folder that is a run, or was to be one.

    Attributes:
        folder: where it lies.
        date: when it was made, in local time.
        run: None where it cannot be read.
        problem: why it cannot be read.
        note: of the user.
    """

    folder: Path
    date: datetime
    run: Run | None
    problem: str = ""
    note: str = ""


def find_runs(root: Path) -> list[FoundRun]:
    """The run folders right under `root`, or `root` itself where it is one; the newest first.

    Raises:
        UserError: `root` is no folder, or cannot be listed.
    """
    try:
        folders = [root] if _is_run(root) else [folder for folder in root.iterdir() if _is_run(folder)]
    except OSError as error:
        raise UserError(f"{root} is no folder that can be listed: {error.strerror}.") from error
    return sorted(map(found_run, folders), key=lambda found: found.date, reverse=True)


def print_runs(root: Path, found: Sequence[FoundRun]) -> None:
    """Prints a row for each run, and a line for each folder that cannot be read."""
    table = new_table(f"Runs in {root}, the newest first")
    for head in ("name", "collection", "blocks", "chosen model and its score, %", "date"):
        table.add_column(head, overflow="fold", no_wrap=head == "date")
    for one in found:
        if one.run is None:
            table.add_row(f"{one.folder.name}", "", "", "broken, see below", _day(one.date))
            continue
        run = one.run
        metric = "f1_macro" if run.several else "accuracy"
        best, label = run.chosen.scores[run.split][metric], score_labels(run.several)[metric]
        table.add_row(
            "\n".join(filter(None, [one.folder.name, one.note])),
            run.name,
            ", ".join(
                [
                    *run.facts["extractors"],
                    *run.facts.get("backs", []),
                    *(made["block"] for made in run.facts.get("metadata", [])),
                ]
            ),
            f"{run.chosen.classifier} on {run.chosen.on}\n{label} {scored(best)}, {SPLIT_LABELS[run.split]}",
            _day(one.date),
        )
    if found:
        console.print(table)
    else:
        console.print(f"There are no runs in {root}; coverfusion train makes one.")
    for one in found:
        if one.run is None:
            console.print(f"Broken: {one.folder}: {one.problem}", style="yellow", soft_wrap=True)


def _is_run(folder: Path) -> bool:
    unfinished = (folder / "splits.parquet").is_file() and not (folder / "study.json").is_file()
    return unfinished or any((folder / name).exists() for name in ANY_OF_A_RUN)


def found_run(folder: Path) -> FoundRun:
    """The run in a folder; whatever is wrong with its files says so and stops nothing."""
    try:
        run = read_run(folder)
        date = datetime.fromisoformat(run.environment["date"]).astimezone()
        return FoundRun(folder, date, run, note=_note(folder))
    except UserError as error:
        problem = str(error)
    except (OSError, ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        problem = f"its files do not fit together ({type(error).__name__}: {error})"
    date = datetime.fromtimestamp(folder.stat().st_mtime).astimezone()
    return FoundRun(folder, date, None, problem)


def _note(folder: Path) -> str:
    file = folder / NOTE_FILE
    return file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""


def _day(date: datetime) -> str:
    return f"{date:%Y-%m-%d}\n{date:%H:%M}"
