"""A submission: one file of out-of-fold probabilities by cover id, below a few lines that say whose it is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from coverfusion.data.csv_files import as_text, as_was
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.names import label
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.plurals import how_many
from coverfusion.experiments.benchmark.task import Task
from coverfusion.experiments.pipeline.guess import guess

KINDS = (".csv", ".parquet")
TOLERANCE = 1e-3  # a sum of rounded probabilities is 1 within this
DIGITS = 5  # of probabilities in the file
FACTS = ("name", "authors", "trained on", "code", "notes")
NOT_SAID = "not said"
GUESSING = "guessing"  # the system that each leaderboard has beside those that are submitted
_SHOWN = 5
_MARK = "# "
_COUNT = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Submission:
    """One system's predictions for a task.

    Attributes:
        name: of the system.
        probabilities: by the task's cover_id, in its order: `p_<genre>`, whose sum is 1.
        authors: who made it.
        trained_on: what it has learnt from.
        code: where its code is.
        notes: what else readers should know.
        guessed: pictures without a prediction, which were filled in by guessing.
    """

    name: str
    probabilities: pd.DataFrame
    authors: str = ""
    trained_on: str = NOT_SAID
    code: str = ""
    notes: str = ""
    guessed: int = 0


def read_predictions(path: str | os.PathLike[str]) -> tuple[dict[str, Any], pd.DataFrame]:
    """What is said above the table, if anything, and the table as it is.

    Raises:
        UserError: the file is no CSV or parquet, or cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() not in KINDS:
        raise UserError(f"{path}: predictions are a table whose name ends in {' or '.join(KINDS)}.")
    try:
        if path.suffix.lower() == ".parquet":
            frame = pd.read_parquet(path)
            return {}, frame.reset_index() if frame.index.name == "cover_id" else frame
        with path.open(encoding="utf-8-sig", newline="") as stream:
            said, place = [], stream.tell()
            while (line := stream.readline()).startswith(_MARK):
                said.append(line.removeprefix(_MARK))
                place = stream.tell()
            stream.seek(place)
            frame = as_was(pd.read_csv(stream, dtype={"cover_id": str}, keep_default_na=False))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a table of predictions: {error}") from error
    return _facts(said, path), frame


def _facts(lines: Sequence[str], path: Path) -> dict[str, Any]:
    """What is said above a table, as texts: a digest of digits alone is no number."""
    try:
        facts = yaml.load("".join(lines), Loader=yaml.BaseLoader) or {}
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = "" if place is None else f", line {min(place.line, len(lines) - 1) + 1}"
        raise UserError(f"{path}{line}: lines above the table are `# key: value`.") from error
    if not isinstance(facts, dict):
        raise UserError(f"{path}: lines above the table are `# key: value`.")
    return facts


def check_predictions(
    task: Task, frame: pd.DataFrame, where: object, guess_missing: bool = False
) -> tuple[pd.DataFrame, int]:
    """Refuses a table that cannot be scored, naming the rows.

    Args:
        task: that it is for.
        frame: `cover_id` and a column for each genre, called by its name or `p_<genre>`.
        where: the file, for messages.
        guess_missing: pictures without a row get the proportions of genres outside their fold.

    Returns:
        By cover_id in the order of the task `p_<genre>`, and how many pictures were guessed.

    Raises:
        UserError: a column, a row or a number is wrong, or a picture is missing.
    """
    frame = _named_columns(task, frame, where)
    no_text = frame["cover_id"].map(lambda one: isinstance(one, bytes))  # parquet has columns of bytes
    _refuse(where, frame["cover_id"], no_text, lambda _: "has bytes for a cover_id. Write it as text")
    ids, known = frame["cover_id"].astype(str), task.pictures.index
    _refuse(where, ids, ~ids.isin(known), lambda _: "is no picture of the task")
    _refuse(where, ids, ids.duplicated(), lambda _: "comes a second time")
    columns = [f"p_{genre}" for genre in task.genres]
    numbers = frame[columns].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    _refuse(
        where,
        ids,
        ~np.isfinite(numbers).all(axis=1),
        lambda _: "has a probability that is missing or no number",
    )
    outside = ((numbers < 0) | (numbers > 1)).any(axis=1)
    _refuse(where, ids, outside, lambda _: "has a probability below 0 or above 1")
    sums = numbers.sum(axis=1)
    off = np.abs(sums - 1) > TOLERANCE
    _refuse(where, ids, off, lambda row: f"has probabilities whose sum is {sums[row]:.4g}, not 1")
    given = pd.DataFrame(numbers / sums[:, None], index=pd.Index(ids, name="cover_id"), columns=columns)
    missing = known.difference(given.index)
    if len(missing) and not guess_missing:
        shown = ", ".join(task.pictures.loc[missing[:_SHOWN], "id"])
        raise UserError(
            f"{where}: {how_many(len(missing), 'picture')} of {len(known):,} without a prediction, such as "
            f"{shown}. Predict all, or let --guess-missing fill them in; the leaderboard counts them."
        )
    if len(missing):
        given = pd.concat([given, guessed_probabilities(task)[1].loc[missing]])
    return given.loc[known].set_axis(known), len(missing)  # what was joined has no name above its ids


def guessed_probabilities(task: Task) -> tuple[pd.Series, pd.DataFrame]:
    """By cover_id, in the task's order: the genre that is guessed, and the proportions outside its fold."""
    genre, genres = task.pictures["genre"], task.genres
    named, frames = [], []
    for train, test in task.by_fold.values():
        codes, proba = guess(genre, train, test, genres)
        named.append(pd.Series(np.array(genres, dtype=object)[codes], index=test))
        frames.append(pd.DataFrame(proba, index=test, columns=[f"p_{name}" for name in genres]))
    order = task.pictures.index
    return pd.concat(named).loc[order], pd.concat(frames).loc[order]


def write_submission(
    task: Task, submission: Submission, folder: str | os.PathLike[str], replace_: bool = False
) -> Path:
    """Writes a checked submission as `<name>.csv`; its first lines say whose it is and for which task.

    Args:
        task: that it is for.
        submission: checked.
        folder: of submissions; made if it is not there.
        replace_: one that is there under this name may be replaced.

    Raises:
        UserError: another one is there under this name, or under one whose file is called the same.
    """
    place = make_output_folder(folder) / f"{_file_name(submission.name)}.csv"
    content = _content(task, submission)
    if there := _namesake(place):
        if there.read_bytes() == content:
            return there
        if not replace_:
            raise UserError(
                f"{there} holds another submission, {_name_in(there)}. `--replace` puts {submission.name} in "
                f"its place; with another --name or --out both stay."
            )
    partial = place.with_name(f".{place.name}.partial")
    partial.write_bytes(content)
    if there:
        there.unlink()
    partial.replace(place)
    return place


def is_there(task: Task, submission: Submission, folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds this very submission; arguments as of `write_submission`."""
    place = Path(folder) / f"{_file_name(submission.name)}.csv"
    there = _namesake(place) if place.parent.is_dir() else None
    return there is not None and there.read_bytes() == _content(task, submission)


def _namesake(place: Path) -> Path | None:
    """The file that is called so; some disks do not tell capitals apart, so they do not count."""
    name = place.name.casefold()
    return next((file for file in sorted(place.parent.iterdir()) if file.name.casefold() == name), None)


def _name_in(place: Path) -> str:
    """What the system in a file is called."""
    try:
        return _one_line(read_predictions(place)[0].get("name") or "") or "without a name"
    except UserError:
        return "which cannot be read"


def _content(task: Task, submission: Submission) -> bytes:
    """A submission's file: lines that say whose it is, then the table."""
    facts = {
        "name": submission.name,
        "task": task.digest,
        "authors": submission.authors,
        "trained on": submission.trained_on,
        "code": submission.code,
        "notes": submission.notes,
        "guessed": submission.guessed,
    }
    one_line = {key: _one_line(value) if isinstance(value, str) else value for key, value in facts.items()}
    said = yaml.safe_dump(one_line, sort_keys=False, allow_unicode=True, width=10**6)
    table = as_text(submission.probabilities.round(DIGITS).reset_index()).to_csv(index=False)
    head = "".join(f"{_MARK}{line}\n" for line in said.splitlines())
    return (head + table).encode()


def read_submission(task: Task, path: str | os.PathLike[str]) -> Submission:
    """Reads and checks what `write_submission` wrote.

    Raises:
        UserError: it is for another task, was not made by `coverfusion benchmark submit`, or as
            `check_predictions`.
    """
    facts, frame = read_predictions(path)
    if "task" not in facts or not facts.get("name"):
        raise UserError(f"{path} does not say whose it is. Run `coverfusion benchmark submit` on it first.")
    check_task(task, facts, path)
    given, _ = check_predictions(task, frame, path)
    return submission_of(facts, given, path, guessed_in(facts, len(frame), path))


def submission_of(
    facts: dict[str, Any], probabilities: pd.DataFrame, where: object, guessed: int
) -> Submission:
    """A submission from the lines above its table and from its checked probabilities.

    Raises:
        UserError: a leaderboard takes no system of this name.
    """
    said, authors, trained_on, code, notes = (str(facts.get(key) or "") for key in FACTS)
    name = _one_line(said)
    if name in ("", GUESSING):
        what = f"is called '{GUESSING}', which is on each leaderboard already" if name else "has no name"
        raise UserError(f"{where}: the system {what}. Give another --name.")
    given = Submission(name, probabilities, authors, trained_on, code, notes, guessed)
    return given if trained_on else replace(given, trained_on=NOT_SAID)


def guessed_in(facts: dict[str, Any], rows: int, where: object) -> int:
    """How many of a table's rows were guessed, as the lines above it say.

    Raises:
        UserError: what they say is no whole number from 0 to the number of rows.
    """
    guessed = facts.get("guessed") or "0"
    if not (isinstance(guessed, str) and _COUNT.fullmatch(guessed)) or int(guessed) > rows:
        raise UserError(
            f"{where}, line '{_MARK}guessed: {guessed}': it says how many pictures were guessed. "
            f"Write a whole number from 0 to {rows:,}."
        )
    return int(guessed)


def check_task(task: Task, facts: dict[str, Any], where: object) -> None:
    """Raises UserError where a submission says that it is for another task."""
    if facts.get("task") not in (None, task.digest):
        raise UserError(
            f"{where} is for another task: {facts['task']}, and {task.name} is {task.digest}. "
            f"Predict the pictures of this one."
        )


def _named_columns(task: Task, frame: pd.DataFrame, where: object) -> pd.DataFrame:
    """With `p_<genre>` for every genre."""
    if "cover_id" not in frame:
        raise UserError(f"{where} has no column 'cover_id', but {', '.join(map(str, frame.columns))}.")
    wanted = {f"p_{genre}": f"p_{genre}" for genre in task.genres}
    wanted |= {genre: f"p_{genre}" for genre in task.genres if genre not in wanted and genre != "cover_id"}
    others = [str(name) for name in frame.columns if name != "cover_id" and str(name) not in wanted]
    if others:
        raise UserError(
            f"{where}: the column '{others[0]}' is no genre of the task."
            f"{did_you_mean(others[0], task.genres)}"
        )
    renamed = frame.rename(columns=wanted)
    for genre in task.genres:
        count = list(renamed.columns).count(f"p_{genre}")
        if count != 1:
            raise UserError(f"{where} has {count or 'no'} columns for the genre '{genre}'. Give one.")
    return renamed


def _refuse(where: object, ids: pd.Series, wrong: Iterable[Any], what: Callable[[int], str]) -> None:
    rows = np.flatnonzero(np.asarray(wrong))
    if len(rows):
        more = f" So it is with {len(rows) - 1:,} more." if len(rows) > 1 else ""
        raise UserError(
            f"{where}, row {rows[0] + 1} (cover_id {ids.iloc[rows[0]]}) {what(int(rows[0]))}.{more}"
        )


def _file_name(name: str) -> str:
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    return plain.encode()[:100].decode(errors="ignore") or "submission"  # a disk counts bytes


def _one_line(text: object) -> str:
    """Text as it is written down and compared: on one line, each letter in one spelling."""
    return label(" ".join(str(text).split()))
