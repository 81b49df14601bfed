"""Submissions from a run of `train` whose folds are the task's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.identity_order import bare_ids
from coverfusion.data.plurals import how_many
from coverfusion.data.splits import read_splits
from coverfusion.experiments.benchmark.matching import task_ids_of_files
from coverfusion.experiments.benchmark.task import Task
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel, read_run

OTHER_FOLDS = "the task's other folds"


@dataclass(frozen=True)
class RunPredictions:
    """What one model of a run says of a task's pictures.

    Attributes:
        table: `cover_id` (the task's) and `p_<genre>`.
        seen: the model and its blocks, in words.
        trained_on: what it has learnt from, in words.
    """

    table: pd.DataFrame
    seen: str
    trained_on: str


def predictions_of_run(
    task: Task, folder: str | os.PathLike[str], classifiers: Sequence[str] = ()
) -> dict[str, RunPredictions]:
    """Out-of-fold probabilities of a run's models.

    Args:
        task: whose folds the run must have.
        folder: of the run.
        classifiers: "svc" for one on all blocks, "svc on cnn" for one on a block alone; none: the chosen one.

    Returns:
        Name of the model -> its predictions.

    Raises:
        UserError: no run folder, no such model, or other folds than the task's.
    """
    run = read_run(folder)
    models = {name: run.model(name) for name in classifiers} or {run.chosen.classifier: run.chosen}
    ids = task_ids_of_files(run.config["collection"])
    _check_folds(task, run, ids)
    learnt = _trained_on(task, run, ids)
    return {
        name: RunPredictions(_table(run, model, task, ids), _seen(run, model), learnt)
        for name, model in models.items()
    }


def _seen(run: Run, model: ScoredModel) -> str:
    blocks = ", ".join(model.blocks)
    return f"{model.classifier} of coverfusion on {model.on} ({blocks}); preset {run.config['preset']}"


def _trained_on(task: Task, run: Run, ids: dict[str, str]) -> str:
    """A run over more than the task's pictures learns from the others in every fold."""
    every = pd.Index(_of_task(read_splits(run.folder / "splits.parquet").index, ids))
    others = len(every.difference(task.pictures.index))
    return OTHER_FOLDS + (f", and {how_many(others, 'picture')} that the task lacks" if others else "")


def _table(run: Run, model: ScoredModel, task: Task, ids: dict[str, str]) -> pd.DataFrame:
    predictions = run.predictions(model)
    columns = [column for column in predictions.columns if column.startswith("p_")]
    table = predictions[columns].reset_index()
    table = table.assign(cover_id=_of_task(table["cover_id"], ids))
    table = table[table["cover_id"].isin(task.pictures.index)]
    return table.reindex(columns=["cover_id", *(f"p_{genre}" for genre in task.genres)], fill_value=0.0)


def _check_folds(task: Task, run: Run, ids: dict[str, str]) -> None:
    """Raises UserError unless each of the task's pictures was predicted by what its fold may see."""
    advice = "Train with the --split-file that `coverfusion benchmark check` writes."
    if not run.config["folds"]:
        raise UserError(f"{run.folder} has one split, and the task has {task.folds} folds. {advice}")
    predictions = run.predictions()
    covers = predictions.reset_index()[["cover_id", "group"]]
    fold = run.folds(covers)
    assert fold is not None
    fold = fold.set_axis(_of_task(fold.index, ids))
    fold = fold[fold.index.isin(task.pictures.index)]
    if fold.empty or (fold != task.pictures["fold"].loc[fold.index]).any():
        raise UserError(f"{run.folder} has other folds than the task. {advice}")


def _of_task(file_ids: pd.Series | pd.Index, ids: dict[str, str]) -> list[str]:
    return [ids.get(one, one) for one in bare_ids(file_ids)]
