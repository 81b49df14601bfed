"""Validation curves: one parameter of one classifier, accuracy on training and on validation covers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.cached_fits import CannotFitError, Model
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.parallel_fits import fit_all
from coverfusion.experiments.pipeline.progress import counted, watched
from coverfusion.experiments.pipeline.provenance import write_json
from coverfusion.experiments.tuning.candidates import Candidates, open_candidates
from coverfusion.experiments.tuning.sweep_page import write_sweep_page
from coverfusion.experiments.tuning.sweep_scores import score_values, write_sweep_tables
from coverfusion.experiments.tuning.values import in_order, label
from coverfusion.fusion.pictures import Pictures
from coverfusion.fusion.registry import classifier_class, create_checked


def sweep(
    config: Config,
    classifier: str,
    parameter: str,
    values: Sequence[Any],
    workers: int | None = None,
    fresh: bool = False,
) -> Path:
    """Does the study and returns its folder, `sweep-<collection>-<digest>`.

    The folder belongs to the parameter, not to the values: asked again with more of them, only those are
    fitted, and tables and page show all. A killed study goes on where it was.

    Args:
        config: as for `train`; the classifier's parameters in it are the values of the others.
        classifier: whose parameter.
        parameter: its name.
        values: what is tried.
        workers: processes; None: one a core, and one for a classifier that learns from pictures.
        fresh: forget an earlier study with the same digest.

    Raises:
        UserError: as `experiments.tuning.candidates.open_candidates`; no such parameter; no value; the
            classifier refuses a value.
    """
    if not values:
        raise UserError(f"Name values of {parameter} with -v: for example -v 0.1 -v 1.")
    own = (config.classifiers or {}).get(classifier, {})
    for value in values:
        create_checked(classifier, **own | {parameter: value})
    study = {"classifier": classifier, "parameter": parameter, "metric": config.metric}
    some = {parameter: values[0]}
    with open_candidates("sweep", config, classifier, some, study, fresh) as candidates:
        done = candidates.folder / "values.json"
        known = json.loads(done.read_text()) if done.is_file() else []
        tried = in_order([*known, *values])
        models = {label(value): candidates.model({parameter: value}) for value in tried}
        fit_values(candidates, list(models.values()), parameter, workers)
        write_json(done, tried)
        scored = score_values(candidates, models)
        write_sweep_tables(candidates.folder, *scored, sweep_epochs(candidates, models))
        write_sweep_page(candidates.folder)
        return candidates.folder


def fit_values(candidates: Candidates, models: Sequence[Model], parameter: str, workers: int | None) -> None:
    """Fits what is not kept yet, with a bar; of a long fit the bar shows epochs."""
    fits, parts = candidates.fits, candidates.parts
    if classifier_class(candidates.classifier).pictures is not Pictures.NONE:
        workers = workers or 1  # such a fit has its own processes and devices
    with counted("fitting", len(models) * len(parts)) as bar:
        fits.watch = lambda what, done, total: watched(bar, what, done, total)
        try:
            fit_all(fits, models, parts, workers, lambda done: bar.update(bar.task_ids[0], completed=done))
        except CannotFitError as error:
            raise UserError(
                f"{candidates.classifier} refused a value of {parameter}: {error} The others that were "
                f"fitted before are kept."
            ) from error


def sweep_epochs(candidates: Candidates, models: dict[str, Model]) -> pd.DataFrame:
    """The rows of `history.csv` of every fit that has one, with `value` and `part`."""
    frames = []
    for value, model in models.items():
        for part in candidates.parts:
            path = candidates.fits.training(model, part) / "history.csv"
            if path.is_file():
                frames.append(pd.read_csv(path).assign(value=value, part=part.name))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["value", "part"])
