"""Learning curves: accuracy against the number of training covers, for each classifier and balance."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import Progress

from coverfusion.data.splits import folds as number_folds
from coverfusion.data.splits import save_splits
from coverfusion.experiments.curve.balance import balanced_parameters, check_balances, oversampled
from coverfusion.experiments.curve.page import write_curve_page
from coverfusion.experiments.curve.scores import Point, score_points, write_curve_tables
from coverfusion.experiments.curve.subsamples import check_sizes, nested_subsamples
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part, all_blocks
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.fold_scores import make_folds
from coverfusion.experiments.pipeline.parallel_fits import fit_all
from coverfusion.experiments.pipeline.preparation import (
    Prepared,
    chosen_classifiers,
    open_collection,
    prepare,
    run_extractors,
    write_inputs,
)
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.pipeline.provenance import digest, write_json
from coverfusion.fusion.average import FusionAverage
from coverfusion.fusion.registry import classifier_class, create

FOLDS = 5


def learning_curve(
    config: Config,
    sizes: Sequence[int] = (),
    balances: Sequence[str] = ("weights",),
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
    means = members_of(parameters)
    fitted = list(dict.fromkeys(m for name in names for m in means.get(name, [name])))
    check_balances(balances, fitted)
    config = config.model_copy(
        update={"folds": config.folds or FOLDS, "classifiers": parameters, "alone": []}
    )
    extractors = run_extractors(config, fitted)
    collection = open_collection(config)
    asked = config.model_dump(mode="json", exclude={"store", "out", "collection"})
    balances = list(dict.fromkeys(balances))
    study = {"sizes": sorted(set(sizes)), "balances": balances, "repeats": repeats}
    facts = [metadata.version("coverfusion"), asked, study, collection.fingerprint()]
    key = digest([*facts, [e.fingerprint() for e in extractors]])
    folder = config.out / f"curve-{config.collection.stem}-{key}"
    if fresh and folder.exists():
        shutil.rmtree(folder)
    if (folder / "index.html").is_file():
        console.print(f"This very study is finished already; --fresh does it again: {folder}", style="yellow")
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    prepared = prepare(config, collection, extractors)
    write_inputs(folder, config, prepared, "")
    write_json(folder / "curve.json", study)
    points = make_points(folder, config, prepared.covers, sizes, repeats)
    kept = fit_points(folder, config, prepared, points, balances, fitted, workers)
    number = config.folds or FOLDS
    curve, pooled = score_points(kept, points, means, names, prepared.covers, number, config.seed)
    write_curve_tables(folder, curve, pooled, number, config.seed)
    write_curve_page(folder)
    shutil.rmtree(folder / "fits")
    return folder


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

    The largest default size stands for everything a fold has to learn from, as in `train`.
    """
    numbers = number_folds(covers, config.folds or FOLDS, repeats, config.seed)
    save_splits(numbers, folder / "splits.parquet")
    all_folds = make_folds(numbers)
    largest = min(len(fold.part.train) for fold in all_folds)
    steps = check_sizes(sizes, largest, covers["genre"].nunique())
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


# --- fits ----------------------------------------------------------------------------------------------


def fit_points(
    folder: Path,
    config: Config,
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
    blocks = tuple(prepared.table.blocks)
    frame = prepared.table.frame()
    genre = prepared.covers.set_index("cover_id")["genre"]
    kept = {}
    for balance in balances:
        parameters = {
            name: balanced_parameters(name, (config.classifiers or {}).get(name, {}), balance)
            for name in classifiers
        }
        fits = CachedFits(
            folder / "fits" / balance, frame, prepared.covers, parameters, config.seed, keep_models=False,
            pictures=prepared.pictures,
        )  # fmt: skip
        fits.folder.mkdir(parents=True, exist_ok=True)
        parts = [point.part for point in points]
        if balance == "oversample":
            parts = [_with_copies(part, genre, config.seed) for part in parts]
        models = [Model(name, all_blocks(name, blocks)) for name in classifiers]
        with counted(f"fitting, {balance}", len(models) * len(parts)) as bar:

            def done(count: int, bar: Progress = bar) -> None:
                bar.update(bar.task_ids[0], completed=count)

            fit_all(fits, models, parts, workers, done)
        kept[balance] = (fits, parts)
    return kept


def _with_copies(part: Part, genre: pd.Series, seed: int) -> Part:
    return replace(part, train=oversampled(part.train, genre[part.train].tolist(), seed))
