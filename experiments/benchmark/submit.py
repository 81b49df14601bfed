"""What is submitted: a table of any program, or models of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from coverfusion.data.errors import UserError
from coverfusion.experiments.benchmark.from_runs import predictions_of_run
from coverfusion.experiments.benchmark.submission import (
    KINDS,
    Submission,
    check_predictions,
    check_task,
    guessed_in,
    read_predictions,
    read_submission,
    submission_of,
)
from coverfusion.experiments.benchmark.task import Task


def submissions_from(
    task: Task,
    place: Path,
    facts: Mapping[str, str | None],
    classifiers: Sequence[str] = (),
    guess_missing: bool = False,
) -> list[Submission]:
    """Checked submissions: one of a table, or one a model of a run.

    Args:
        task: that they are for.
        place: a CSV or parquet table, or a run folder.
        facts: what was said of it by the keys of `submission.FACTS`; None: not said, so what stands in the
            file counts.
        classifiers: of a run, as for `from_runs.predictions_of_run`.
        guess_missing: as for `submission.check_predictions`.

    Raises:
        UserError: there is no name, or as the functions that are used.
    """
    given = {key: value for key, value in facts.items() if value is not None}
    if place.is_dir():
        found = predictions_of_run(task, place, classifiers)
        if len(found) > 1 and "name" in given:
            raise UserError("--name names one system, and several classifiers are submitted. Leave it out.")
        made = []
        for name, one in found.items():
            probabilities, guessed = check_predictions(task, one.table, f"{place}, {name}", guess_missing)
            said = {"name": name, "trained on": one.trained_on, "notes": one.seen}
            made.append(submission_of(said | given, probabilities, place, guessed))
        return made
    if classifiers:
        raise UserError(f"--classifier goes with a run folder, and {place} is none.")
    said, table = read_predictions(place)
    check_task(task, said, place)
    if not (said | given).get("name"):
        raise UserError("--name is missing: what is the system called?")
    probabilities, guessed = check_predictions(task, table, place, guess_missing)
    guessed += guessed_in(said, len(table), place)
    return [submission_of(said | given, probabilities, place, guessed)]


def submission_files(places: Sequence[Path]) -> list[Path]:
    """The submissions among files and folders, a folder's by name. Raises UserError where it has none."""
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = sorted(
                file for file in place.iterdir() if file.suffix == KINDS[0] and file.name[0] != "."
            )
            if not inside:
                raise UserError(f"{place} holds no submission. `coverfusion benchmark submit` makes them.")
            found += inside
        elif place.is_file():
            found.append(place)
        else:
            raise UserError(f"There is no submission at {place}.")
    return found


def read_submissions(task: Task, files: Sequence[Path]) -> tuple[list[Submission], list[str]]:
    """The submissions that can be ranked, and of each other file why it is left out.

    Args:
        task: that they are for.
        files: from `submission_files`.

    Raises:
        UserError: none can be ranked; it says why the first cannot.
    """
    left_out: list[str] = []
    entered: dict[str, Submission] = {}
    first: dict[str, Path] = {}  # name of a system -> the file that it is ranked by
    for file in files:
        try:
            one = read_submission(task, file)
        except UserError as error:
            left_out.append(str(error))
            continue
        if one.name in entered:
            left_out.append(
                f"{file}: its system is called '{one.name}', as that of {first[one.name]}. Submit it under "
                f"another --name."
            )
            continue
        entered[one.name], first[one.name] = one, file
    if left_out and not entered:
        raise UserError(left_out[0])
    return list(entered.values()), left_out
