"""`ablate` beside the same study written plainly: one loop that refits everything for each set of blocks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import Progress

from coverfusion.data.splits import folds as number_folds
from coverfusion.experiments.ablation.designs import fitted_sets
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.fold_scores import Fold, make_folds
from coverfusion.experiments.pipeline.parallel_fits import fit_all
from coverfusion.experiments.pipeline.preparation import Prepared
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.fusion.registry import create

FOLDS_OF_THE_STUDY = 5


def bench_ablate(prepared: Prepared, classifiers: Sequence[str], folds: int, seed: int = 0) -> pd.DataFrame:
    """All subsets of the blocks, one classifier after another, in a plain loop and by `ablate`'s fits.

    Args:
        prepared: covers with a full feature table.
        classifiers: names.
        folds: how many of the five folds are measured.
        seed: of the folds.

    Returns:
        One row a classifier: seconds of both sides, the ratio, and the largest difference between their
        probabilities.
    """
    covers = prepared.covers
    chosen = make_folds(number_folds(covers, FOLDS_OF_THE_STUDY, 1, seed))[:folds]
    blocks = {name: list(frame.columns) for name, frame in prepared.table.blocks.items()}
    sets = fitted_sets(["subsets"], blocks)
    rows = []
    for name in classifiers:
        models = [Model(name, units) for units in sets]
        started = time.perf_counter()
        plain_probabilities = fit_in_a_loop(prepared, models, chosen, seed)
        plain = time.perf_counter() - started
        with tempfile.TemporaryDirectory() as folder, counted(f"ablate, {name}", len(models) * folds) as bar:
            started = time.perf_counter()
            frame = prepared.table.learnable()
            fits = CachedFits(Path(folder), frame, covers, {}, seed, keep_models=False)
            parts = [fold.part for fold in chosen]
            fit_all(fits, models, parts, progress=partial(_show, bar))
            ours = time.perf_counter() - started
            gap = max(
                _gap(fits.predictions(m, f.part), plain_probabilities[m, f.number])
                for m in models
                for f in chosen
            )
        rows.append((name, len(models) * folds, ours, plain, plain / ours, gap))
    columns = ["classifier", "fits", "ablate, s", "plain loop, s", "ratio", "largest difference"]
    return pd.DataFrame(rows, columns=columns)


def fit_in_a_loop(
    prepared: Prepared, models: Sequence[Model], folds: Sequence[Fold], seed: int
) -> dict[tuple[Model, int], pd.DataFrame]:
    """Every fit from scratch, one after another, with all cores for each; probabilities by model and fold."""
    covers = prepared.covers.set_index("cover_id")
    probabilities = {}
    with counted(f"plain loop, {models[0].classifier}", len(models) * len(folds)) as bar:
        for fold in folds:
            train, test = fold.part.train, fold.part.predicted["test"]
            for model in models:
                X = prepared.table.select(model.blocks).learnable()
                classifier = create(model.classifier)
                if "random_state" in classifier.get_params(deep=False):
                    classifier.set_params(random_state=seed)
                classifier.fit(
                    X.loc[train], covers.loc[train, "genre"].tolist(), groups=covers.loc[train, "group"]
                )
                columns = [f"p_{genre}" for genre in classifier.classes_]
                probabilities[model, fold.number] = pd.DataFrame(
                    classifier.predict_proba(X.loc[test]), test, columns
                )
                bar.advance(bar.task_ids[0])
    return probabilities


def _show(bar: Progress, done: int) -> None:
    bar.update(bar.task_ids[0], completed=done)


def _gap(ours: pd.DataFrame, plain: pd.DataFrame) -> float:
    """The largest difference between two frames of probabilities."""
    return float(np.abs(ours[plain.columns].to_numpy() - plain.loc[ours.index].to_numpy()).max())


def print_ratios(frame: pd.DataFrame) -> None:
    """One line a classifier, and the whole."""
    for row in frame.to_dict("records"):
        console.print(
            f"{row['classifier']}: {row['fits']} fits in {row['ablate, s']:.0f} s, the plain loop in "
            f"{row['plain loop, s']:.0f} s, ratio {row['ratio']:.2f}, probabilities within "
            f"{row['largest difference']:.1e}"
        )
    ours, plain = frame["ablate, s"].sum(), frame["plain loop, s"].sum()
    console.print(f"together: {plain / ours:.2f} times as fast")
