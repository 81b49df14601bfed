"""What a search leaves behind: its trials, which parameters mattered, the best as a config."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.experiments.pipeline.cached_fits import Model
from coverfusion.experiments.pipeline.config import write_config
from coverfusion.experiments.tuning.candidates import SPLIT_FILE, Candidates
from coverfusion.experiments.tuning.search_space import Range, SearchSpace, values_of
from coverfusion.experiments.tuning.sweep_scores import score_values
from coverfusion.experiments.tuning.values import label

if TYPE_CHECKING:
    from optuna import Study

BEST_ROW, OWN_ROW = "best", "own"  # the rows of best.csv
MIN_TRIALS_FOR_IMPORTANCE = 4  # finished trials from which on importances say anything


def write_results(study: Study, candidates: Candidates, space: SearchSpace) -> None:
    """`trials.csv`, `importance.csv`, `best.csv` and `best.yaml` from a study with a finished trial."""
    folder = candidates.folder
    write_csv(trials_table(study, space), folder / "trials.csv")
    write_csv(importances(study, space), folder / "importance.csv")
    best = values_of(space, study.best_trial.params)
    models, tried = {BEST_ROW: candidates.model(best)}, dict[str, Model]()
    for trial in study.get_trials(deepcopy=False):
        if trial.value is None or trial.params == study.best_trial.params:
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


def trials_table(study: Study, space: SearchSpace) -> pd.DataFrame:
    """One row a trial that came to an end: `trial`, `state`, `accuracy`, parameters, how it ended.

    `accuracy` is that of validation covers, NaN of a trial that was stopped early; `last` is the last that
    was known then, `after` how many epochs or folds. `own` marks the classifier's own values.
    """
    rows: list[dict[str, object]] = []
    for trial in study.get_trials(deepcopy=False):
        if not trial.state.is_finished() or trial.state.name == "FAIL":
            continue
        seen = trial.intermediate_values
        reason = trial.user_attrs.get("refused", "")
        row = {
            "trial": len(rows) + 1,
            "state": "refused" if reason else {"COMPLETE": "finished"}.get(trial.state.name, "stopped"),
            "accuracy": trial.value if trial.state.name == "COMPLETE" else None,
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
