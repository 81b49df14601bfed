"""What a run's best model is worth where the covers that chose it are those that it is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np

from coverfusion.experiments.evaluation.best_of_many import (
    ManyDifferences,
    corrected_metric,
    metric_differences,
)
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, Metric
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.evaluation.statistics import widening
from coverfusion.experiments.pipeline.predicted_sums import predicted_sums
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel
from coverfusion.fusion.prior import prior_weight

Pair = tuple[ScoredModel, ScoredModel]


def corrected_score(run: Run) -> Interval | None:
    """The run's metric of the chosen model without what it owes to having been chosen.

    Choices are made anew as the run made its own: by its `choose_by`, and with each cover counting as its
    prior has it. None where other covers chose the model (those of validation), or where there was no other
    to choose.
    """
    candidates = [model for model in run.models if model.kind == "fused"]
    if run.other is not None or len(candidates) < 2:
        return None
    by = SET_METRICS[run.chosen_by or "accuracy"]
    first = run.predictions(candidates[0])
    weight = prior_weight(run.config.get("prior", "natural"), first["genre"]).to_numpy()
    return corrected_metric(
        run.metric,
        _sums(run, candidates, run.metric),
        first["group"].to_numpy(),
        run.config["seed"],
        widening(run.config["folds"]),
        chosen_by=(by, _sums(run, candidates, by) * weight[:, None, None]),
        chosen=candidates.index(run.chosen),
    )


def candidate_pairs(run: Run) -> list[Pair]:
    """The models that the choice is among, each with each: models on one block alone are no choice."""
    return list(combinations([model for model in run.models if model.kind == "fused"], 2))


def fusing_pairs(run: Run) -> list[Pair]:
    """Each model that `Run.fusing` may be with each block alone: the best of both may be compared."""
    fused = [model for model in run.models if model.kind == "fused"]
    several = [model for model in fused if model.fuses]
    return list(product(several or fused, run.alone))


def differences_of(run: Run, pairs: Sequence[Pair]) -> ManyDifferences:
    """Differences in the metric between the run's models, in their order.

    Args:
        run: a finished run.
        pairs: that are compared; their intervals hold together.
    """
    groups = run.predictions(run.models[0])["group"].to_numpy()
    sums, wider = _sums(run, run.models, run.metric), widening(run.config["folds"])
    compared = np.zeros((len(run.models), len(run.models)), dtype=bool)
    for first, second in pairs:
        rows = [run.models.index(first), run.models.index(second)]
        compared[rows, rows[::-1]] = True
    return metric_differences(run.metric, sums, groups, run.config["seed"], wider, compared)


def _sums(run: Run, models: list[ScoredModel], metric: Metric) -> np.ndarray:
    """(n, m, s) what each cover adds to the sums of each model."""
    return np.stack([predicted_sums(run.predictions(model), metric) for model in models], axis=1)
