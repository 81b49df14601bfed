"""What a search leaves behind: its trials, which parameters mattered, the best as a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.data.genre_sets import genre_names
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, Metric
from coverfusion.experiments.pipeline.cached_fits import VALIDATION, Model
from coverfusion.experiments.pipeline.config import write_config
from coverfusion.experiments.pipeline.predicted_sums import predicted_sums
from coverfusion.experiments.tuning.candidates import SPLIT_FILE, Candidates
from coverfusion.experiments.tuning.search_space import Range, SearchSpace, values_of
from coverfusion.experiments.tuning.sweep_scores import score_values
from coverfusion.experiments.tuning.values import label

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

BEST_ROW, OWN_ROW = "best", "own"  # the rows of best.csv
SAME = 1e-9  # scores that differ by less are ties
MIN_TRIALS_FOR_IMPORTANCE = 4  # finished trials from which on importances say anything


def write_results(study: Study, candidates: Candidates, space: SearchSpace) -> None:
    """`trials.csv`, `importance.csv`, `best.csv` and `best.yaml` from a study with a finished trial."""
    folder = candidates.folder
    chosen_trial = best_trial(study, candidates, space)
    table = trials_table(study, space, SET_METRICS[candidates.config.metric])
    numbered = [trial.number for trial in _told(study)]
    table["best"] = [number == chosen_trial.number for number in numbered]
    write_csv(table, folder / "trials.csv")
    write_csv(importances(study, space), folder / "importance.csv")
    best = values_of(space, chosen_trial.params)
    models, tried = {BEST_ROW: candidates.model(best)}, dict[str, Model]()
    for trial in study.get_trials(deepcopy=False):
        if trial.value is None or trial.params == chosen_trial.params:
            continue
        if trial.state.name == "COMPLETE":
            model = candidates.model(values_of(space, trial.params))
            tried |= {OWN_ROW if trial.user_attrs.get(OWN_ROW) else f"trial {trial.number}": model}
    models |= {name: model for name, model in tried.items() if name == OWN_ROW}
    write_csv(score_values(candidates, models, tried)[1], folder / "best.csv")
    chosen = {candidates.classifier: candidates.base | best}
    # the split's test covers, which no trial has seen, judge the best: exactly those, whatever comes and goes
    changes = {"classifiers": chosen, "folds": None, "split_file": folder / SPLIT_FILE}
    write_config(candidates.config.model_copy(update=changes), folder / "best.yaml")


def best_trial(study: Study, candidates: Candidates, space: SearchSpace) -> FrozenTrial:
    """The finished trial that does best on validation covers; of equals, as in a sweep, by its log loss."""
    finished = [trial for trial in _told(study) if trial.state.name == "COMPLETE"]
    equals = [trial for trial in finished if abs(float(trial.value or 0) - study.best_value) < SAME]
    if len(equals) == 1:
        return equals[0]
    return min(equals, key=lambda trial: held_out_loss(candidates, values_of(space, trial.params)))


def held_out_loss(candidates: Candidates, values: Mapping[str, Any]) -> float:
    """The log loss of validation covers with these parameters, all parts together."""
    model = candidates.model(values)
    frame = pd.concat([frame[frame["split"] == VALIDATION] for frame in candidates.predictions(model)])
    metric = SET_METRICS["log_loss"]
    sums = predicted_sums(frame, metric, genre_names(candidates.covers))
    return float(metric.value(sums.sum(axis=0, keepdims=True))[0])


def _told(study: Study) -> list[FrozenTrial]:
    """The trials that came to an end, in the order of `trials_table`."""
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.state.is_finished() and trial.state.name != "FAIL"]


def trials_table(study: Study, space: SearchSpace, metric: Metric) -> pd.DataFrame:
    """One row a trial that came to an end: `trial`, `state`, the metric, parameters, how it ended.

    The metric (`accuracy` and the like) is that of validation covers, NaN of a trial that was stopped early;
    `last` is the last that was known then, `after` how many epochs or folds. `own` marks the classifier's own
    values.
    """
    rows: list[dict[str, object]] = []
    for trial in _told(study):
        seen = trial.intermediate_values
        reason = trial.user_attrs.get("refused", "")
        row = {
            "trial": len(rows) + 1,
            "state": "refused" if reason else {"COMPLETE": "finished"}.get(trial.state.name, "stopped"),
            metric.column: trial.value if trial.state.name == "COMPLETE" else None,
            **{name: label(value) for name, value in values_of(space, trial.params).items()},
            "last": seen[max(seen)] if seen else None,
            "after": max(seen, default=None),
            "seconds": trial.user_attrs.get("seconds"),
            "own": bool(trial.user_attrs.get(OWN_ROW)),
            "reason": reason,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def importances(study: Study, space: SearchSpace) -> pd.DataFrame:
    """`parameter` and `importance`, which sum to 1, most first; empty where there are too few trials.

    How much less the good trials vary in a parameter than all do: S. Watanabe, A. Bansal and F. Hutter,
    PED-ANOVA, IJCAI 2023, by Optuna.
    """
    from optuna.importance import get_param_importances

    free = [name for name, of in space.items() if isinstance(of, Range) or len(of.values) > 1]
    values = [trial.value for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    if len(values) < MIN_TRIALS_FOR_IMPORTANCE or len(set(values)) < 2 or len(free) < 2:
        return pd.DataFrame(columns=["parameter", "importance"])
    importance = get_param_importances(study, params=free)
    return pd.DataFrame({"parameter": list(importance), "importance": list(importance.values())})
