"""Searches a classifier's parameters by Optuna: a budget in minutes, pruning, and it goes on another time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from coverfusion.data.errors import UserError, needs_extra
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS, Metric, metric_value
from coverfusion.experiments.pipeline.cached_fits import VALIDATION, Model, Part
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.genre_thresholds import with_named
from coverfusion.experiments.pipeline.predicted_genres import predicted_of
from coverfusion.experiments.pipeline.progress import counted, watched
from coverfusion.experiments.tuning.candidates import Candidates, open_candidates
from coverfusion.experiments.tuning.search_page import write_search_page
from coverfusion.experiments.tuning.search_results import write_results
from coverfusion.experiments.tuning.search_space import Choice, SearchSpace, params_of, values_of
from coverfusion.experiments.tuning.values import label
from coverfusion.fusion.registry import create_checked, parameters_of

if TYPE_CHECKING:
    from optuna import Study, Trial

UNPRUNED_TRIALS = 5  # trials that are never stopped early: from them the others learn what to expect
MAX_KNOWN_SUGGESTIONS = (
    15  # after so many suggestions in a row that were tried already nothing new is expected
)
MAX_REFUSED_TRIALS = 3  # so many trials that cannot be fitted, and none that can, end the search
DATABASE = "optuna.db"


class OutOfTimeError(Exception):
    """The budget ended inside a trial; what it has learnt is kept."""


def search(
    config: Config,
    classifier: str,
    space: SearchSpace,
    minutes: float = 30.0,
    trials: int | None = None,
    fresh: bool = False,
) -> Path:
    """Searches for the parameters that do best on validation covers; returns the study's folder.

    The folder, `search-<collection>-<digest>`, belongs to the classifier and the space. Each call adds to it;
    a trial that was cut off goes on after its last epoch. Suggestions come from the tree-structured Parzen
    estimator (J. Bergstra et al., Algorithms for Hyper-Parameter Optimization, NIPS 2011), seeded by trial;
    the first are the classifier's default values, where the space has them. What is best the config's metric
    says. A trial ends early where it is worse than the median of the others at the same point: of networks
    after each epoch of the first fold, by accuracy or log loss on covers held out inside the training covers;
    of the rest after each fold.

    Args:
        config: as for `train`; see `experiments.tuning.candidates.open_candidates` for its folds.
        classifier: whose parameters.
        space: what they may be.
        minutes: of this call; a training that has begun stops after its epoch.
        trials: at most this many in all, with those of earlier calls; None: as many as fit.
        fresh: forget an earlier study with the same digest.

    Raises:
        UserError: as `open_candidates`; Optuna is not installed; the classifier refuses every value; no
            trial was finished in time.
    """
    needs_extra("search", "A search")
    if minutes <= 0:
        raise UserError(f"--minutes {minutes:g}: a search needs time.")
    some = {name: of.values[0] if isinstance(of, Choice) else of.low for name, of in space.items()}
    fixed = {
        name: of.values[0] for name, of in space.items() if isinstance(of, Choice) and len(of.values) == 1
    }
    own = parameters_of(classifier) | (config.classifiers or {}).get(classifier, {}) | fixed
    chosen = (config.classifiers or {}).get(classifier, {})
    for name, of in space.items():
        for value in of.values if isinstance(of, Choice) else (of.low, of.high):
            create_checked(classifier, **chosen | some | {name: value})
    facts = {
        "classifier": classifier,
        "metric": config.metric,
        "space": {name: asdict(of) for name, of in space.items()},
    }
    with open_candidates("search", config, classifier, some, facts, fresh) as candidates:
        study = open_study(candidates, space, own)
        deadline = time.monotonic() + 60 * minutes
        with counted("searching", trials) as bar:
            candidates.fits.watch = lambda what, done, total: watched(bar, what, done, total)

            def progress(finished: int) -> None:
                bar.update(
                    bar.task_ids[0], completed=finished, now=_best_so_far(study, SET_METRICS[config.metric])
                )

            run_trials(study, candidates, space, deadline, trials, progress)
        if not _finished(study, complete=True):
            raise UserError(
                f"No trial was finished in {minutes:g} minutes. What was learnt is kept: search again to go "
                f"on, or take fewer epochs or folds."
            )
        write_results(study, candidates, space)
        write_search_page(candidates.folder)
        return candidates.folder


def open_study(candidates: Candidates, space: SearchSpace, own: Mapping[str, Any]) -> Study:
    """The study on disk; the classifier's default values, or trials that were cut off, are next.

    Args:
        candidates: what is fitted.
        space: what the parameters may be.
        own: the classifier's parameters without a search.
    """
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{candidates.folder.absolute() / DATABASE}",
        study_name="search",
        direction="maximize" if SET_METRICS[candidates.config.metric].higher_is_better else "minimize",
        # a new head needs an epoch before it says anything
        pruner=optuna.pruners.MedianPruner(
            UNPRUNED_TRIALS, n_warmup_steps=2 if _is_network(candidates) else 1
        ),
        load_if_exists=True,
    )
    for trial in study.get_trials(states=(TrialState.RUNNING,)):  # of a killed call
        study.tell(trial.number, state=TrialState.FAIL)
    if not study.trials and (first := params_of(space, own)):
        study.enqueue_trial(first, user_attrs={"own": True})
    known = [trial.params for trial in _finished(study)]
    for trial in study.get_trials(states=(TrialState.FAIL,)):
        if trial.params and trial.params not in known:
            study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
            known.append(trial.params)
    return study


def run_trials(
    study: Study,
    candidates: Candidates,
    space: SearchSpace,
    deadline: float,
    trials: int | None,
    progress: Callable[[int], None],
) -> None:
    """Trials until time is over, there are enough, or nothing new is suggested.

    Args:
        study: where trials are kept.
        candidates: what is fitted.
        space: what the parameters may be.
        deadline: on the clock of `time.monotonic`.
        trials: at most so many; None: as many as fit.
        progress: called with the number of finished trials.
    """
    import optuna
    from optuna.trial import TrialState

    repeats = refused = 0
    progress(len(_finished(study)))
    while repeats < MAX_KNOWN_SUGGESTIONS and time.monotonic() < deadline:
        if trials is not None and len(_finished(study)) >= trials:
            break
        # the next suggestion depends on the trials before it alone, not on where an earlier call ended
        seed = np.random.SeedSequence([candidates.config.seed, len(study.trials)]).generate_state(1)[0]
        study.sampler = optuna.samplers.TPESampler(seed=int(seed))
        known = [trial.params for trial in _finished(study)]
        trial = study.ask({name: of.distribution() for name, of in space.items()})
        if trial.params in known:
            study.tell(trial, state=TrialState.FAIL)
            repeats += 1
            continue
        repeats = 0
        try:
            study.tell(trial, _value(trial, study, candidates, space, deadline))
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
            model = candidates.model(values_of(space, trial.params))
            for part in candidates.parts:  # it never goes on
                shutil.rmtree(candidates.fits.training(model, part), ignore_errors=True)
        except OutOfTimeError:
            study.tell(trial, state=TrialState.FAIL)
        except (TypeError, ValueError, UserError) as error:  # a rate at which training diverges, say
            trial.set_user_attr("refused", str(error))
            study.tell(trial, state=TrialState.PRUNED)
            refused += 1
            if refused >= MAX_REFUSED_TRIALS and not _finished(study, complete=True):
                shown = ", ".join(f"{n}={label(v)}" for n, v in values_of(space, trial.params).items())
                raise UserError(f"{candidates.classifier} cannot be fitted with {shown}: {error}") from error
        progress(len(_finished(study)))


def _value(trial: Trial, study: Study, candidates: Candidates, space: SearchSpace, deadline: float) -> float:
    """The metric's mean over the parts' validation covers; raises TrialPruned or OutOfTimeError."""
    metric = SET_METRICS[candidates.config.metric]
    known = "held_out_accuracy" if metric.higher_is_better else "held_out_loss"
    model = candidates.model(values_of(space, trial.params))
    network = _is_network(candidates)
    last = (parameters_of(model.classifier) | candidates.parameters[model.classifier]).get("epochs", 0)
    for old in study.trials:  # of a trial that goes on: what is known of its first epochs
        if old.params == trial.params and old.number != trial.number:
            for step, value in old.intermediate_values.items():
                trial.report(value, step)

    def after_epoch(epoch: int, row: dict[str, float], first: bool) -> bool:
        if first and known in row:
            _report(trial, row[known], epoch, early=epoch < last)
        _check(deadline)
        return False

    scores: list[float] = []
    for number, part in enumerate(candidates.parts):
        if number:
            _check(deadline)
            if not network:
                _report(trial, float(np.mean(scores)), number)
        candidates.fits.stop = lambda epoch, row, first=not number: after_epoch(epoch, row, first)
        scores.append(_score(candidates, model, part, metric))
    trial.set_user_attr("seconds", sum(candidates.fits.seconds(model, part) for part in candidates.parts))
    return float(np.mean(scores))


def _score(candidates: Candidates, model: Model, part: Part, metric: Metric) -> float:
    fits = candidates.fits
    frame = fits.predictions(model, part)
    if fits.sets:
        frame = with_named([frame], fits.covers["group"], candidates.config.seed)[0]
    found = predicted_of(frame[frame["split"] == VALIDATION])
    return metric_value(metric, found.truth, found.named, found.proba)


def _report(trial: Trial, value: float, step: int, early: bool = True) -> None:
    import optuna

    trial.report(value, step)
    if early and trial.should_prune():
        raise optuna.TrialPruned


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise OutOfTimeError


def _is_network(candidates: Candidates) -> bool:
    """Whether its training tells of each epoch."""
    return "epochs" in parameters_of(candidates.classifier)


def _finished(study: Study, complete: bool = False) -> list[Any]:
    from optuna.trial import TrialState

    states = (TrialState.COMPLETE,) if complete else (TrialState.COMPLETE, TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=states)


def _best_so_far(study: Study, metric: Metric) -> str:
    values = [trial.value for trial in _finished(study, complete=True)]
    return f"best {metric.shown((max if metric.higher_is_better else min)(values))}" if values else ""
