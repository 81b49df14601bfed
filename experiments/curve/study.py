"""Learning curves: accuracy against the number of training covers, for each classifier and balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import Progress

from coverfusion.data.genre_sets import genre_names, labels_of
from coverfusion.experiments.curve.balance import balanced_parameters, check_balances, oversampled
from coverfusion.experiments.curve.page import write_curve_page
from coverfusion.experiments.curve.scores import Point, score_points, write_curve_tables
from coverfusion.experiments.curve.subsamples import check_sizes, nested_subsamples
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part, all_blocks
from coverfusion.experiments.pipeline.chosen_splits import check_folds, with_saved_folds
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.fold_scores import save_folds
from coverfusion.experiments.pipeline.guess import baselines
from coverfusion.experiments.pipeline.parallel_fits import fit_all
from coverfusion.experiments.pipeline.parts import say_untested
from coverfusion.experiments.pipeline.preparation import (
    Prepared,
    chosen_classifiers,
    run_extractors,
    write_inputs,
)
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.pipeline.provenance import write_json
from coverfusion.experiments.pipeline.study import DEFAULT_FOLDS, StudyFolder, open_study_folder, with_folds
from coverfusion.experiments.pipeline.unequal_genres import say_unequal
from coverfusion.fusion.average import FusionAverage
from coverfusion.fusion.registry import classifier_class, create


def learning_curve(
    config: Config,
    sizes: Sequence[int] = (),
    balances: Sequence[str] = ("none",),
    repeats: int = 1,
    workers: int | None = None,
    fresh: bool = False,
) -> Path:
    """Does the study and returns its folder, `curve-<collection>-<digest>`.

    The same study started again goes on where it was; a finished one is returned as it is.

    Args:
        config: as for `train`; without folds 5.
        sizes: numbers of training covers; none: geometric steps up to all.
        balances: out of `experiments.curve.balance.BALANCES`.
        repeats: of the cross-validation, each with another shuffle.
        workers: processes; None: one a core.
        fresh: forget an earlier study with the same digest.

    Raises:
        UserError: as `experiments.training.train.train`; an unknown balance; a size that is too small or too
            large.
    """
    names = chosen_classifiers(config)
    parameters = {name: (config.classifiers or {}).get(name, {}) for name in names}
    for name, given in parameters.items():
        create(name, **given)
    # of several genres a mean pools each genre by itself, and is fitted as it is
    means = {} if config.labels == "many" else members_of(parameters)
    fitted = list(dict.fromkeys(m for name in names for m in means.get(name, [name])))
    check_balances(balances, fitted, config.labels)
    config, repeats = with_saved_folds(with_folds(config), repeats)
    config = config.model_copy(update={"classifiers": parameters, "alone": []})
    folds = config.folds or DEFAULT_FOLDS
    balances = list(dict.fromkeys(balances))
    asked = {"sizes": sorted(set(sizes)), "balances": balances, "repeats": repeats}
    extractors = run_extractors(config, fitted)

    def check(covers: pd.DataFrame) -> None:
        check_folds(covers, config)
        check_sizes(sizes, len(covers), len(genre_names(covers)))

    with open_study_folder("curve", config, extractors, [asked], fresh=fresh, check=check) as study:
        if not study.is_finished():
            prepared = study.prepare()
            points = make_points(study.path, config, prepared.covers, sizes, repeats)
            facts = {"metric": config.metric, "baseline": baseline_of(points, prepared.covers, config.metric)}
            write_json(study.path / "curve.json", asked | facts)
            note = say_untested(prepared.covers, [point.part for point in points], config, ["test"])
            write_inputs(study.path, config, prepared, note, say_unequal(prepared.covers, config))
            kept = fit_points(study, prepared, points, balances, fitted, workers)
            curve, pooled = score_points(kept, points, means, names, prepared.covers, folds, config.seed)
            write_curve_tables(study.path, curve, pooled, folds, config.seed, SET_METRICS[config.metric])
            write_curve_page(study.path)
            study.remove_fits()
        return study.path


def members_of(parameters: Mapping[str, Mapping[str, object]]) -> dict[str, list[str]]:
    """Mean of classifiers -> its members: its predictions are theirs, so nothing is fitted twice."""
    return {
        name: list(create(name, **given).classifiers)
        for name, given in parameters.items()
        if issubclass(classifier_class(name), FusionAverage)
    }


# --- which covers are learnt from ----------------------------------------------------------------------


def make_points(
    folder: Path, config: Config, covers: pd.DataFrame, sizes: Sequence[int], repeats: int
) -> list[Point]:
    """Every training set of every fold; the folds are saved as `splits.parquet`.

    The largest default size stands for everything a fold has to learn from, as in `train`; it is called by
    their mean, as folds differ by a few covers.
    """
    all_folds, _ = save_folds(folder, covers, with_folds(config), repeats)
    largest = round(float(np.mean([len(fold.part.train) for fold in all_folds])))
    steps = check_sizes(sizes, largest, len(genre_names(covers)))
    by_id = covers.set_index("cover_id", drop=False)
    points = []
    for fold in all_folds:
        seed = int(np.random.SeedSequence([config.seed, fold.repeat, fold.number]).generate_state(1)[0])
        sets = nested_subsamples(by_id.loc[fold.part.train], steps, seed)
        if steps[-1] == largest:
            sets[largest] = fold.part.train
        for size, ids in sets.items():
            part = Part(f"{fold.part.name}-of-{size}", ids, fold.part.predicted)
            points.append(Point(fold.repeat, fold.number, size, len(ids), part))
    return points


def baseline_of(points: Sequence[Point], covers: pd.DataFrame, metric: str) -> float:
    """The metric where nothing is known of a cover, with all the training covers of each fold."""
    genre, largest = labels_of(covers.set_index("cover_id")), max(point.size for point in points)
    parts = [point.part for point in points if point.size == largest]
    return baselines(parts, genre, genre_names(covers))["test"][metric]


# --- fits ----------------------------------------------------------------------------------------------


def fit_points(
    study: StudyFolder,
    prepared: Prepared,
    points: Sequence[Point],
    balances: Sequence[str],
    classifiers: Sequence[str],
    workers: int | None,
) -> dict[str, tuple[CachedFits, list[Part]]]:
    """Fits every classifier on every training set; what is kept already is not fitted again.

    Returns:
        balance -> where the predictions are, and the part of each point.
    """
    config, blocks = study.config, tuple(prepared.learnable_columns())
    genre = prepared.covers.set_index("cover_id")["genre"]
    kept = {}
    for balance in balances:
        parameters = {
            name: balanced_parameters(name, (config.classifiers or {}).get(name, {}), balance)
            for name in classifiers
        }
        fits = study.fits(prepared, parameters, kind=balance)
        parts = [point.part for point in points]
        if balance == "oversample":
            parts = [_with_copies(part, genre, config.seed) for part in parts]
        models = [Model(name, all_blocks(name, blocks)) for name in classifiers]
        with counted(
            "fitting" if balance == "none" else f"fitting, {balance}", len(models) * len(parts)
        ) as bar:

            def done(count: int, bar: Progress = bar) -> None:
                bar.update(bar.task_ids[0], completed=count)

            fit_all(fits, models, parts, workers, done)
        kept[balance] = (fits, parts)
    return kept


def _with_copies(part: Part, genre: pd.Series, seed: int) -> Part:
    return replace(part, train=oversampled(part.train, genre[part.train].tolist(), seed))
