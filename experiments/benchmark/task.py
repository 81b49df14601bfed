"""A task: which pictures, which genres, which folds. It holds no picture, and its digest says which it is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from coverfusion.data.collection import Collection
from coverfusion.data.csv_files import read_csv, write_csv
from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.data.identity_order import least_covers
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.splits import IN_NO_FOLD, folds
from coverfusion.experiments.benchmark.picture_ids import task_ids, without_backs
from coverfusion.experiments.evaluation.chosen_metric import METRICS, Metric
from coverfusion.experiments.pipeline.cached_fits import Part
from coverfusion.experiments.pipeline.guess import baselines
from coverfusion.experiments.pipeline.parts import ALL_FOLDS, train_test

TASK_FILE, PICTURES_FILE = "task.yaml", "pictures.csv"
PICTURE_COLUMNS = ["id", "cover_id", "genre", "group", "fold"]
FORMAT = 2  # of the two files; 1 may lack the digest over both
_WHOLE = "digest of both files"
_DERIVED = ("folds", "pictures", "groups", "genres", "guessing", _WHOLE)  # from what else the files say
_ROUNDED = 2e-4


@dataclass(frozen=True)
class Task:
    """What every system of a leaderboard is asked.

    Attributes:
        name: what people call it.
        metric: that systems are ranked by.
        seed: of the folds.
        pictures: by cover_id, sorted: `id` (by which others find the picture), `genre`, `group` (pictures
            that are never separated, numbered from 1) and `fold` (0 and up).
        of: what the pictures are.
        source: whose ids they are, or "": names of files.
        terms: what others may do with the pictures.
        checked: whether a digest over all that its files say was there; tasks of format 1 may lack it.
    """

    name: str
    metric: Metric
    seed: int
    pictures: pd.DataFrame
    of: str = "pictures"
    source: str = ""
    terms: str = ""
    checked: bool = True

    @property
    def genres(self) -> list[str]:
        """By name."""
        return sorted(self.pictures["genre"].unique())

    @property
    def folds(self) -> int:
        """How many."""
        return int(self.pictures["fold"].max()) + 1

    @property
    def digest(self) -> str:
        """16 hex digits over what decides a score: bytes, genres, groups and folds of pictures, the metric.

        Names of files and the order of rows do not matter.
        """
        leader = least_covers(self.pictures.index, self.pictures["group"])
        cells = (self.pictures.index, self.pictures["genre"], leader, self.pictures["fold"].astype(str))
        lines = [self.metric.name, *sorted("|".join(row) for row in zip(*cells, strict=True))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    @property
    def parts(self) -> list[Part]:
        """For each fold what is learnt from and what is predicted."""
        return [Part(f"fold-{n}", train, {ALL_FOLDS: test}) for n, (train, test) in self.by_fold.items()]

    @property
    def by_fold(self) -> Mapping[int, tuple[list[str], list[str]]]:
        """Fold -> the cover ids outside it and inside it."""
        return train_test(self.pictures["fold"])


def task_metric(name: str) -> Metric:
    """What systems may be ranked by; raises UserError for any other, such as a metric of several genres."""
    if name not in METRICS:
        raise UserError(
            f"--metric {name} ranks no systems, for a task has one genre a picture."
            f"{did_you_mean(name, METRICS)}"
        )
    return METRICS[name]


def make_task(
    collection: Collection,
    name: str,
    folds_: int = 5,
    seed: int = 0,
    metric: str = "accuracy",
    of: str = "pictures",
    source: str = "",
    terms: str = "",
) -> Task:
    """A task over the pictures of a collection; folds by a hash of who they are, so that a remake is equal.

    With a source back covers are left out.

    Raises:
        UserError: a genre has fewer groups than folds, or as `task_metric` and `picture_ids.task_ids`.
    """
    ranked_by = task_metric(metric)
    covers = without_backs(collection.frame, source).sort_values("cover_id", ignore_index=True)
    numbers = _folds_of(covers, folds_, seed)
    leader = least_covers(covers["cover_id"], covers["group"])
    pictures = pd.DataFrame(
        {
            "id": task_ids(covers, source),
            "genre": covers["genre"].to_numpy(),
            "group": pd.Series(leader).rank(method="dense").astype(int).to_numpy(),
            "fold": numbers,
        },
        index=pd.Index(covers["cover_id"], name="cover_id"),
    )
    return Task(name, ranked_by, seed, pictures, of, source, terms)


def _folds_of(covers: pd.DataFrame, k: int, seed: int) -> np.ndarray:
    """(n,) the fold of each picture. Raises UserError where a genre has fewer groups than folds."""
    groups = covers.groupby("genre")["group"].nunique()
    few = sorted(groups.index[groups < k])
    if not few:
        numbers = folds(covers, k, 1, seed)["repeat_0"].to_numpy()
        few = sorted(covers.loc[numbers == IN_NO_FOLD, "genre"].unique())
        if not few:
            return numbers
    listed = ", ".join(f"{genre} ({groups[genre]})" for genre in few)
    raise UserError(
        f"--folds {k}: a genre needs as many groups of pictures as there are folds, and near duplicates are "
        f"one group. Too few in: {listed}. Take fewer --folds, add pictures, or take the genre out."
    )


def write_task(task: Task, folder: str | os.PathLike[str]) -> Path:
    """Writes `task.yaml` and `pictures.csv`; the same task may be written again.

    Raises:
        UserError: the folder holds another task, which submissions may already be for.
    """
    if (Path(folder) / TASK_FILE).exists() and (there := _digest_in(Path(folder))) != task.digest:
        raise UserError(
            f"{folder} holds another task, {there or 'without a digest'}; this one is {task.digest}. A task "
            f"is frozen, and submissions fit no other. Name another --out, or delete the folder first."
        )
    folder = make_output_folder(folder)
    text = yaml.safe_dump(_facts(task), sort_keys=False, allow_unicode=True)
    write_csv(task.pictures.reset_index()[PICTURE_COLUMNS], folder / PICTURES_FILE)
    (folder / TASK_FILE).write_text(text, encoding="utf-8")
    return folder


def _facts(task: Task) -> dict[str, Any]:
    """What `task.yaml` says; all but the first lines follows from the pictures."""
    return {
        "name": task.name,
        "pictures of": task.of,
        "metric": task.metric.name,
        "folds": task.folds,
        "seed": task.seed,
        "ids": task.source or "names of files",
        "terms": task.terms,
        "pictures": len(task.pictures),
        "groups": int(task.pictures["group"].nunique()),
        "genres": {genre: int((task.pictures["genre"] == genre).sum()) for genre in task.genres},
        "guessing": {key: round(value, 4) for key, value in guessing(task).items()},
        "digest": task.digest,
        _WHOLE: _whole_digest(task),
        "format": FORMAT,
    }


def _whole_digest(task: Task) -> str:
    """16 hex digits over all that the two files say, the ids, names and seed among it."""
    rows = task.pictures.reset_index()[PICTURE_COLUMNS].sort_values("cover_id").astype(str)
    said = [task.name, task.of, task.metric.name, str(task.seed), task.source, task.terms]
    text = json.dumps([said, rows.to_numpy().tolist()])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_facts(task: Task, facts: Mapping[str, Any], where: Path) -> None:
    """Raises UserError where `task.yaml` and the pictures do not go together, or make no task."""
    fold, group = task.pictures["fold"], task.pictures["group"]
    wrong = None
    if facts["name"] is None:
        wrong = "it has no name"
    elif not 0 <= task.seed < 2**32:
        wrong = f"the seed {task.seed} is no whole number from 0 to 4,294,967,295"
    elif sorted(fold.unique()) != list(range(task.folds)) or task.folds < 2:
        wrong = "folds are not numbered 0, 1 and so on"
    elif (fold.groupby(group).nunique() > 1).any():
        wrong = "a group is in two folds"
    elif task.pictures.index.has_duplicates:
        wrong = "a picture is listed twice"
    elif task.pictures["id"].duplicated().any():
        twice = task.pictures.loc[task.pictures["id"].duplicated(), "id"].iloc[0]
        wrong = f"two pictures have the id '{twice}'"
    if wrong:
        raise UserError(f"{where} holds no task: {wrong}. Copy it once more.")
    derived = _facts(task)
    for key in _DERIVED:
        value = derived[key]
        if key == _WHOLE and not task.checked:
            if facts.get("format", 1) != 1:
                raise UserError(
                    f"{where} was changed since it was made: {TASK_FILE} has lost its line '{_WHOLE}'. "
                    "Copy it once more."
                )
            continue  # made before there was this digest
        said = facts.get(key)
        same = _nearly(said, value) if key == "guessing" else said == value
        if not same:
            raise UserError(
                f"{where} was changed since it was made: {TASK_FILE} says {key}: {said}, and from the files "
                f"follows {value}. Copy it once more, or make a task of your own."
            )


def _nearly(said: Any, values: Mapping[str, float]) -> bool:
    """Whether the same metrics have the same values, but for rounding on another machine."""
    if not isinstance(said, dict) or said.keys() != values.keys():
        return False
    numbers = all(isinstance(value, int | float) for value in said.values())
    return numbers and all(abs(said[key] - value) < _ROUNDED for key, value in values.items())


def _digest_in(folder: Path) -> str:
    """What a task's file says of itself; "" where it cannot be read."""
    try:
        return str(yaml.safe_load((folder / TASK_FILE).read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return ""


def guessing(task: Task) -> dict[str, float]:
    """Metric -> its value where nothing is known of a picture but how common genres are."""
    return baselines(task.parts, task.pictures["genre"], task.genres)[ALL_FOLDS]


def packaged_tasks() -> dict[str, Path]:
    """Name -> folder of the tasks that come with coverfusion."""
    place = Path(str(files("coverfusion.experiments.benchmark"))) / "tasks"
    return {file.parent.name: file.parent for file in sorted(place.glob(f"*/{TASK_FILE}"))}


def read_task(place: str | os.PathLike[str]) -> Task:
    """Reads a task's folder, or a packaged task by its name.

    Raises:
        UserError: there is none, a file of it cannot be read or makes no task, or it was changed since it was
            made.
    """
    folder = Path(place)
    if not (folder / TASK_FILE).is_file():
        known = packaged_tasks()
        if str(place) not in known:
            raise UserError(f"There is no task at {place}.{did_you_mean(str(place), known)}")
        folder = known[str(place)]
    try:
        facts = yaml.safe_load((folder / TASK_FILE).read_text(encoding="utf-8"))
        texts = dict.fromkeys(("id", "cover_id", "genre"), str)
        rows = read_csv(folder / PICTURES_FILE, dtype=texts, keep_default_na=False)
        task = Task(
            name=str(facts["name"]),
            metric=METRICS[facts["metric"]],
            seed=int(facts["seed"]),
            pictures=rows[PICTURE_COLUMNS]
            .astype({"group": int, "fold": int})
            .set_index("cover_id")
            .sort_index(),
            of=str(facts["pictures of"]),
            source="" if facts["ids"] == "names of files" else str(facts["ids"]),
            terms=str(facts["terms"] or ""),
            checked=_WHOLE in facts,
        )
        digest = task.digest
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise UserError(f"{folder} holds no task that can be read: {error!r}. Copy it once more.") from error
    if facts.get("digest") != digest:
        raise UserError(
            f"{folder} was changed since it was made: its digest is {digest}, and {TASK_FILE} says "
            f"{facts.get('digest')}. Copy it once more, or make a task of your own."
        )
    _check_facts(task, facts, folder)
    return task
