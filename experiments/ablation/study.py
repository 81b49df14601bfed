"""The ablation study: refits on sets of blocks over the same folds, and what differences mean."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import joblib
import pandas as pd
from threadpoolctl import threadpool_limits

from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import genre_names, has_sets, labels_of
from coverfusion.data.plurals import how_many
from coverfusion.experiments.ablation.designs import Units, check_designs, fitted_sets, greedy_path
from coverfusion.experiments.ablation.page import write_ablation_page
from coverfusion.experiments.ablation.saved_outcomes import save_outcomes
from coverfusion.experiments.ablation.shapley_tables import interaction_table, shapley_table
from coverfusion.experiments.ablation.tables import (
    Blocks,
    Key,
    Study,
    ablation_leaderboard,
    ablation_table,
    compare_sets,
    genre_table,
    joined_units,
    make_study,
    planned_pairs,
)
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, all_blocks
from coverfusion.experiments.pipeline.chosen_splits import check_folds, with_saved_folds
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.fold_scores import (
    Fold,
    Outcome,
    nothing_known,
    read_outcome,
    save_folds,
)
from coverfusion.experiments.pipeline.parallel_fits import fit_all
from coverfusion.experiments.pipeline.parts import say_untested
from coverfusion.experiments.pipeline.predicted_genres import truth_of
from coverfusion.experiments.pipeline.preparation import (
    Prepared,
    run_extractors,
    write_inputs,
)
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.pipeline.provenance import write_json
from coverfusion.experiments.pipeline.study import DEFAULT_FOLDS, StudyFolder, open_study_folder, with_folds
from coverfusion.experiments.pipeline.unequal_genres import say_unequal
from coverfusion.features.pixels import COLUMN
from coverfusion.fusion.pictures import PIXELS
from coverfusion.fusion.registry import classifier_class, create
from coverfusion.fusion.texts import is_text

DEFAULT_CLASSIFIERS = ("svc", "catboost")


def ablate(
    config: Config,
    designs: Sequence[str],
    repeats: int = 2,
    workers: int | None = None,
    fresh: bool = False,
    rope: float | None = None,
) -> Path:
    """Does the study and returns its folder, `ablation-<collection>-<digest>`.

    The same study started again goes on where it was; a finished one is returned as it is.

    Args:
        config: as for `train`; without classifiers svc and catboost, without folds 5. For classifiers that
            learn from pictures these are a block of their own.
        designs: names out of `experiments.ablation.designs.DESIGNS`.
        repeats: of the cross-validation, each with another shuffle.
        workers: processes; None: one a core.
        fresh: forget an earlier study with the same digest.
        rope: a difference that does not matter, in the metric's unit; None: a point (0.01), of losses none.

    Raises:
        UserError: as `experiments.training.train.train`, an unknown design, or one of metadata or sides that
            are not there.
    """
    check_designs(designs)
    if "metadata" in designs and config.metadata is None:
        raise UserError("--design metadata: no column is named as metadata. Name some by --metadata.")
    if "sides" in designs and config.sides != "fused":
        raise UserError("--design sides: each picture is an item of its own. Take --sides fused.")
    wanted = (
        config.classifiers if config.classifiers is not None else {name: {} for name in DEFAULT_CLASSIFIERS}
    )
    config, repeats = with_saved_folds(with_folds(config), repeats)
    config = config.model_copy(update={"classifiers": wanted, "alone": []})
    for name, parameters in wanted.items():
        create(name, **parameters)
    extractors = run_extractors(config, list(wanted))
    region = SET_METRICS[config.metric].rope(rope)
    matters = None if math.isnan(region) else region
    asked = [sorted(designs), repeats, matters]

    def check(covers: pd.DataFrame) -> None:
        check_folds(covers, config)

    with open_study_folder("ablation", config, extractors, asked, fresh=fresh, check=check) as opened:
        if not opened.is_finished():
            prepared = opened.prepare()
            facts = {"designs": list(designs), "repeats": repeats, "metric": config.metric, "rope": matters}
            write_json(opened.path / "study.json", facts)
            study, paths = run_designs(opened, prepared, designs, repeats, workers)
            write_ablation_tables(opened.path, study, designs, paths, rope)
            write_ablation_page(opened.path)
            opened.remove_fits()
        return opened.path


def run_designs(
    opened: StudyFolder,
    prepared: Prepared,
    designs: Sequence[str],
    repeats: int,
    workers: int | None = None,
) -> tuple[Study, dict[str, list[Units]]]:
    """Fits everything and gathers the outcomes; also the greedy path of each classifier."""
    config, covers, metric = opened.config, prepared.covers, SET_METRICS[opened.config.metric]
    k, classifiers = config.folds or DEFAULT_FOLDS, list(config.classifiers or {})
    folds, tested = save_folds(opened.path, covers, config, repeats)
    note = say_untested(covers, [fold.part for fold in folds], config, ["test"])
    write_inputs(opened.path, config, prepared, note, say_unequal(covers, config))
    fits = opened.fits(prepared, config.classifiers or {})
    blocks = {name: seen_blocks(name, prepared) for name in classifiers}
    models = [Model(name, units) for name in classifiers for units in fitted_sets(designs, blocks[name])]
    fit_planned(fits, models, folds, workers)
    genres, genre = genre_names(covers), labels_of(covers.set_index("cover_id"))
    ids = pd.Index(tested["cover_id"])
    outcomes: dict[Key, Outcome] = {("", ()): nothing_known(genre, folds, ids, genres, config.prior)}

    def outcome(name: str, units: Units) -> Outcome:
        if (name, units) not in outcomes:
            outcomes[name, units] = read_outcome(fits, Model(name, units), folds, ids, genres)
        return outcomes[name, units]

    for model in models:
        outcome(model.classifier, model.blocks)
    paths: dict[str, list[Units]] = {}
    for name in classifiers if "greedy" in designs else []:

        def scores(candidates: list[Units], name: str = name) -> list[float]:
            fit_planned(fits, [Model(name, units) for units in candidates], folds, workers, quiet=True)
            tried = [outcome(name, units).folds[metric.column].mean() for units in candidates]
            return [metric.better(float(value)) for value in tried]

        paths[name] = greedy_path(tuple(blocks[name]), scores)
    truth = truth_of(tested["genre"], genres, has_sets(covers))
    groups = tested["group"].to_numpy()
    study = make_study(outcomes, blocks, truth, genres, groups, k, config.seed, metric, config.prior)
    save_outcomes(opened.path, study, list(ids))
    return study, paths


def seen_blocks(classifier: str, prepared: Prepared) -> Blocks:
    """Block -> its columns, for what a classifier can see: those of the table, `pixels`, or both."""
    columns = prepared.learnable_columns()
    if not classifier_class(classifier).reads_text:  # nothing is left of a block of text alone
        columns = {name: own for name, own in columns.items() if not all(is_text(f".{c}") for c in own)}
    every = all_blocks(classifier, list(columns))
    return {name: columns.get(name, [COLUMN]) for name in every if name in columns or name == PIXELS}


def fit_planned(
    fits: CachedFits, models: list[Model], folds: list[Fold], workers: int | None, quiet: bool = False
) -> None:
    """Says how many fits there are and how long they will take at most, then does them."""
    parts = [fold.part for fold in folds]
    missing = sum(not fits.kept(model, part) for model in models for part in parts)
    if missing and not quiet:
        console.print(plan(fits, models, folds, missing, workers or joblib.cpu_count()), highlight=False)
    if not missing:
        return
    with counted("fitting", len(models) * len(parts)) as bar:
        fit_all(fits, models, parts, workers, lambda done: bar.update(bar.task_ids[0], completed=done))


def plan(fits: CachedFits, models: list[Model], folds: list[Fold], missing: int, workers: int) -> str:
    """What will be done; the estimate comes from one fit of each classifier's largest set."""
    largest: dict[str, Model] = {}
    for model in models:
        best = largest.setdefault(model.classifier, model)
        if len(model.blocks) > len(best.blocks):
            largest[model.classifier] = model
    seconds = {}
    with threadpool_limits(1):
        for name, model in largest.items():
            if not fits.kept(model, folds[0].part):
                started = time.perf_counter()
                fits.predictions(model, folds[0].part)
                seconds[name] = time.perf_counter() - started
            else:
                seconds[name] = fits.seconds(model, folds[0].part)
    ahead = sum(
        seconds[model.classifier] for model in models for fold in folds if not fits.kept(model, fold.part)
    )
    minutes = ahead / workers / 60
    took = f"about {minutes:.1f} minutes" if minutes >= 1 else "less than a minute"
    repeats = max(fold.repeat for fold in folds) + 1
    sets = {name: sum(model.classifier == name for model in models) for name in largest}
    counts = ", ".join(f"{count} of {name}" for name, count in sets.items())
    each = f"{len(folds)} folds" + (f" ({repeats} repeats)" if repeats > 1 else "")
    return (
        f"Sets of blocks: {counts}, each on {each}: {how_many(missing, 'fit')}, {took} on "
        f"{how_many(workers, 'core')}"
    )


def write_ablation_tables(
    folder: Path, study: Study, designs: Sequence[str], paths: dict[str, list[Units]], rope: float | None
) -> None:
    """`ablation.csv`, `leaderboard.csv` and `comparisons.csv`, and what the designs allow beside.

    `genres.csv`, `shapley.csv`, `interactions.csv` and `greedy.csv`.
    """
    write_csv(ablation_table(study), folder / "ablation.csv")
    write_csv(ablation_leaderboard(study), folder / "leaderboard.csv")
    write_csv(compare_sets(study, planned_pairs(study, designs, paths), rope), folder / "comparisons.csv")
    if len(genres := genre_table(study)):
        write_csv(genres, folder / "genres.csv")
    if len(values := shapley_table(study)):
        write_csv(values, folder / "shapley.csv")
    if len(pairs := interaction_table(study)):
        write_csv(pairs, folder / "interactions.csv")
    column = study.metric.column
    steps = [
        (name, step, joined_units(units), float(study.outcome(name, units).folds[column].mean()))
        for name, path in paths.items()
        for step, units in enumerate(path, start=1)
    ]
    if steps:
        frame = pd.DataFrame(steps, columns=["classifier", "step", "units", column])
        write_csv(frame, folder / "greedy.csv")
