"""What a run's best model is worth where the covers that chose it are those that it is judged on."""

from __future__ import annotations

import numpy as np

from coverfusion.experiments.evaluation.best_of_many import (
    ManyDifferences,
    corrected_best,
    many_differences,
)
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.evaluation.statistics import widening
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel


def corrected_accuracy(run: Run) -> Interval | None:
    """The accuracy of the chosen model without what it owes to having been chosen.

    None where other covers chose it (those of validation), or where there was no other to choose.
    """
    candidates = [model for model in run.models if model.kind == "fused"]
    if run.other is not None or len(candidates) < 2:
        return None
    return corrected_best(*_hits(run, candidates), run.config["seed"], widening(run.config["folds"]))


def differences_of(run: Run) -> ManyDifferences:
    """All differences between the run's models, in their order, with intervals that hold together."""
    return many_differences(*_hits(run, run.models), run.config["seed"], widening(run.config["folds"]))


def _hits(run: Run, models: list[ScoredModel]) -> tuple[np.ndarray, np.ndarray]:
    """(n, m) whether each model was right on each cover, and (n,) groups."""
    frames = [run.predictions(model) for model in models]
    right = np.column_stack([frame["predicted"] == frame["genre"] for frame in frames])
    return right, frames[0]["group"].to_numpy()
