"""Whole studies from Python, each on one collection: training, ablation, and comparison of runs."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from coverfusion.data.collection import Collection
from coverfusion.data.errors import UserNote
from coverfusion.data.sides import Sides
from coverfusion.experiments.evaluation.chosen_metric import MetricName
from coverfusion.experiments.pipeline.config import Config, read_source
from coverfusion.experiments.pipeline.run_folder import Run, read_run
from coverfusion.finished import Ablation, Transfer
from coverfusion.quiet import printing
from coverfusion.tables import Names, listed

Source = Collection | str | os.PathLike[str]


def train(
    source: Source,
    *,
    classifiers: Names | None = None,
    blocks: Names | None = None,
    metadata: Mapping[str, Names] | None = None,
    sides: Sides | None = None,
    alone: Sequence[str] | None = None,
    folds: int | None = None,
    preset: Literal["packaged", "hub"] | None = None,
    prior: Literal["natural", "balanced"] | Mapping[str, float] | None = None,
    metric: MetricName | None = None,
    choose_by: MetricName | None = None,
    seed: int | None = None,
    split_file: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    name: str | None = None,
    note: str | None = None,
    fresh: bool = False,
    progress: bool = False,
) -> Run:
    """Does what `coverfusion train` does: features, splits, classifiers, scores, bundle and report.

    The same call again goes on where it was, or gives the finished run at once.

    Args:
        source: a collection (it is read again from where it lies), or where one lies, or a config (.yaml).
            What is None below is as in the config, and otherwise as the command has it.
        classifiers: names of classifiers, or classifier -> its parameters; None: all.
        blocks: names of blocks, or block -> its parameters; None: all that can run.
        metadata: columns of the manifest that are blocks too: "numbers", "categories" or "text" -> names.
        sides: "fused": front and back of a release are one item.
        alone: classifiers that are fitted on each block alone, too.
        folds: of a grouped cross-validation; None: one 8:1:1 split.
        preset: which weights the blocks use.
        prior: what probabilities answer to: "natural" (genres as common as among the training covers),
            "balanced" (all as common), or genre -> share.
        metric: what the leaderboard ranks by.
        choose_by: what chooses the bundle's model, the log loss by default.
        seed: of splits, classifiers and bootstrap.
        split_file: a `splits.parquet` of a run or study, whose covers test; None: they are drawn by the seed.
        store: the folder where features are kept.
        out: where the run folder is made.
        name: what the run folder is called; None: the collection's name and a digest.
        note: what you want to remember of the run.
        fresh: do a finished run again.
        progress: show bars and remarks.

    Raises:
        UserError: something in the arguments, the collection or the config is wrong.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> run = cf.train(folder, classifiers=["knn", "logistic"], blocks=["color"], folds=2, store="store")
        >>> sorted(run.leaderboard["classifier"])
        ['knn', 'logistic']
        >>> run.predictions("knn").shape[0]
        60
        >>> sorted(run.per_genre["genre"].unique())
        ['Classical', 'Country', 'Electronic', 'Jazz', 'Metal', 'Pop']
    """
    from coverfusion.experiments.training.train import train as run_training

    config = _config(
        "train",
        source,
        classifiers=classifiers,
        blocks=blocks,
        metadata=metadata,
        sides=sides,
        alone=alone,
        folds=folds,
        preset=preset,
        prior=dict(prior) if isinstance(prior, Mapping) else prior,
        metric=metric,
        choose_by=choose_by,
        seed=seed,
        split_file=split_file,
        store=store,
        out=out,
        name=name,
        note=note,
    )
    with printing(progress):
        run = read_run(run_training(config, fresh=fresh))
    _warn_if_changed(source, run.folder)
    return run


def ablate(
    source: Source,
    *,
    designs: Sequence[str] = ("alone", "without"),
    classifiers: Names | None = None,
    blocks: Names | None = None,
    metadata: Mapping[str, Names] | None = None,
    sides: Sides | None = None,
    folds: int | None = None,
    repeats: int = 2,
    rope: float | None = None,
    preset: Literal["packaged", "hub"] | None = None,
    prior: Literal["natural", "balanced"] | Mapping[str, float] | None = None,
    metric: MetricName | None = None,
    seed: int | None = None,
    split_file: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    fresh: bool = False,
    progress: bool = False,
) -> Ablation:
    """Does what `coverfusion ablate` does: refits on sets of blocks over the same folds, and compares.

    Args:
        source: as in `train`, and so are the arguments that are not named here.
        designs: which sets: "alone", "without", "metadata", "sides", "subsets", "families", "greedy".
        classifiers: names of classifiers, or classifier -> its parameters; None: svc and catboost.
        blocks: names of blocks, or block -> its parameters; None: all that can run.
        metadata: as in `train`.
        sides: as in `train`.
        folds: of the grouped cross-validation; None: 5.
        repeats: of the cross-validation, each with another shuffle.
        rope: a difference that does not matter, in the metric's unit; None: a point (0.01), of losses none.
        preset: which weights the blocks use.
        prior: as in `train`.
        metric: what sets of blocks are compared by.
        seed: of folds, classifiers and bootstrap.
        split_file: a `splits.parquet` with the folds of a run or study; None: they are drawn by the seed.
        store: the folder where features are kept.
        out: where the study's folder is made.
        workers: processes; None: one a core.
        fresh: do a finished study again.
        progress: show bars and remarks.

    Raises:
        UserError: as `train`, or an unknown design.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> study = cf.ablate(
        ...     folder, classifiers=["knn"], blocks=["color", "texture"], folds=2, repeats=1, workers=1,
        ...     store="store",
        ... )
        >>> study.comparisons["design"].unique().tolist()
        ['block alone against chance', 'all against block alone', 'all against all but block']
    """
    from coverfusion.experiments.ablation.study import ablate as run_ablation

    config = _config(
        "ablate",
        source,
        classifiers=classifiers,
        blocks=blocks,
        metadata=metadata,
        sides=sides,
        folds=folds,
        preset=preset,
        prior=dict(prior) if isinstance(prior, Mapping) else prior,
        metric=metric,
        seed=seed,
        split_file=split_file,
        store=store,
        out=out,
    )
    with printing(progress):
        study = Ablation(run_ablation(config, listed(designs), repeats, workers, fresh, rope))
    _warn_if_changed(source, study.folder)
    return study


def compare(
    runs: Run | str | os.PathLike[str] | Sequence[Run | str | os.PathLike[str]],
    classifiers: str | Sequence[str] | None = None,
    seed: int = 0,
    rope: float | None = None,
    metric: MetricName = "accuracy",
) -> pd.DataFrame:
    """Compares models pair by pair on the covers that all of them predicted, as `coverfusion compare` does.

    Args:
        runs: one or several finished runs or their folders; of one, all models on all blocks are compared.
        classifiers: of each run, these on all blocks, or "svc on color" for one on a block alone; None: the
            model that the run chose (of a single run: all on all blocks).
        seed: of the sign-flips, or of the bootstrap.
        rope: a difference that does not matter, in the metric's unit; None: a point (0.01), of losses none.
        metric: what is compared.

    Returns:
        One row a pair: both values, their difference with its interval and p (the corrected t-test over
        folds, sign-flips over groups, or the bootstrap of groups where the metric is no mean over covers),
        Holm's correction over all pairs, and the probabilities that the difference is within `rope` or
        beyond.

    Raises:
        UserError: not a run folder, runs on other covers, no such classifier, or nothing to compare.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> run = cf.train(folder, classifiers=["knn", "logistic"], blocks=["color"], folds=2, store="store")
        >>> cf.compare([run])[["accuracy_first", "accuracy_second", "difference", "p_holm"]].shape
        (1, 4)
    """
    from coverfusion.experiments.comparison.compare import compare_runs

    several = [runs] if isinstance(runs, Run | str | os.PathLike) else runs
    folders = [run.folder if isinstance(run, Run) else Path(run) for run in several]
    return compare_runs(folders, None if classifiers is None else listed(classifiers), seed, rope, metric)


def transfer(
    source: Source,
    second: Source | None = None,
    *,
    genres: str | os.PathLike[str] | None = None,
    classifiers: Names | None = None,
    blocks: Names | None = None,
    folds: int | None = None,
    preset: Literal["packaged", "hub"] | None = None,
    seed: int | None = None,
    store: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    fresh: bool = False,
    progress: bool = False,
) -> Transfer:
    """Does what `coverfusion transfer` does: learns from one collection and tests on another.

    Args:
        source: to learn from; as in `train`.
        second: the collection to test on; None: each `source` of the first one's manifest in its turn.
        genres: a CSV file with the columns from and to: what genres of either are to be called.
        classifiers: names of classifiers, or classifier -> its parameters; None: svc and catboost.
        blocks: names of blocks, or block -> its parameters; None: all that can run.
        folds: of the first collection, where it is tested on itself; None: one 8:1:1 split.
        preset: which weights the blocks use.
        seed: of splits, classifiers and bootstrap.
        store: the folder where features are kept.
        out: where the study's folder is made.
        workers: processes; None: one a core.
        fresh: do a finished study again.
        progress: show bars and remarks.

    Raises:
        UserError: as `train`; genres that cannot be mapped; no cover is left to test on.

    Example:
        >>> import coverfusion as cf
        >>> first = cf.draw_sample("covers", covers_per_genre=10)
        >>> second = cf.draw_sample("others", covers_per_genre=4, seed=1)
        >>> study = cf.transfer(
        ...     first, second, classifiers=["knn"], blocks=["color", "texture"], folds=2, workers=1,
        ...     store="store",
        ... )
        >>> sorted(study.blocks["block"].unique())
        ['color', 'texture']
    """
    from coverfusion.data.addresses import place
    from coverfusion.experiments.transfer.study import transfer as run_transfer

    config = _config(
        "transfer",
        source,
        classifiers=classifiers,
        blocks=blocks,
        folds=folds,
        preset=preset,
        seed=seed,
        store=store,
        out=out,
    )
    other = second.source if isinstance(second, Collection) else second
    with printing(progress):
        folder = run_transfer(
            config,
            None if other is None else place(other),
            None if genres is None else Path(genres),
            workers,
            fresh,
        )
    return Transfer(folder)


def labels(run: Run | str | os.PathLike[str], classifier: str | None = None) -> pd.DataFrame:
    """The covers of a run whose genre is doubtful, as `coverfusion labels` lists them.

    Args:
        run: a finished run or its folder; with folds all covers are judged.
        classifier: whose probabilities: a name, or "svc on color" for one on a block alone; None: the run's
            choice.

    Returns:
        One row a doubtful cover, the most doubtful first: `path`, its `genre`, the `suggested` one and the
        most probable one (`predicted`), their probabilities (`p_genre`, `p_suggested`, `p_predicted`), and
        how far its genre's is below that of the most probable other (`margin`). Of covers of several genres
        `genre` and `suggested` are sets, with the genre `doubted` most and the probability that the cover has
        it (`p_doubted`).

    Raises:
        UserError: not a finished run folder, no such classifier, or a collection that has changed.

    Example:
        >>> import coverfusion as cf
        >>> folder = cf.draw_sample("covers", covers_per_genre=10)
        >>> run = cf.train(folder, classifiers=["knn"], blocks=["color"], folds=2, store="store")
        >>> doubtful = cf.labels(run)
        >>> bool((doubtful["genre"] != doubtful["suggested"]).all())
        True
    """
    from coverfusion.experiments.doubt.study import doubtful_covers, held_out_covers

    run = run if isinstance(run, Run) else read_run(run)
    model = run.chosen if classifier is None else run.model(classifier)
    with printing(False):
        return doubtful_covers(run, held_out_covers(run, model))


def _warn_if_changed(source: Source, folder: Path) -> None:
    """A collection is read again, so that what was changed in memory alone has no effect."""
    if isinstance(source, Collection):
        facts = json.loads((folder / "collection.json").read_text(encoding="utf-8"))
        if facts["fingerprint"] != source.fingerprint():
            warnings.warn(
                f"{source.source} was read again and differs from the collection that was given.",
                UserNote,
                stacklevel=3,
            )


def _config(command: str, source: Source, **options: Any) -> Config:
    """The config of a study; None = not given."""
    if isinstance(source, Collection):
        options |= {"keep": source.keep, "genres": None if source.genres is None else list(source.genres)}
        options["sides"] = options.get("sides") or source.sides
        options["labels"] = options.get("labels") or source.labels
        source = str(source.source)
    for key in ("blocks", "classifiers", "alone"):
        value = options.get(key)
        if value is not None and not hasattr(value, "keys"):
            options[key] = listed(value)
    if options.get("metadata") is not None:
        options["metadata"] = {kind: listed(names) for kind, names in options["metadata"].items()}
    for key in ("store", "out", "split_file"):
        if options.get(key) is not None:
            options[key] = Path(options[key])
    return read_source(f"coverfusion.{command}", source, **options)
