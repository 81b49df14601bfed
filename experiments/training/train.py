"""The main job: collection -> blocks -> splits -> classifiers -> metrics -> run folder, bundle and report."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.checksums import write_sums
from coverfusion.data.errors import UserError
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.drawing.thumbnails import thumbnail
from coverfusion.experiments.pipeline.cached_fits import CachedFits, CannotFitError, Model, Part, models_of
from coverfusion.experiments.pipeline.chosen_splits import with_saved_folds
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.leaderboard import (
    as_json,
    best_model,
    leaderboard,
    score_splits,
    write_leaderboard,
)
from coverfusion.experiments.pipeline.parts import (
    ALL_FOLDS,
    RUN_HELD_OUT,
    check_parts,
    run_parts,
    say_untested,
)
from coverfusion.experiments.pipeline.preparation import (
    Prepared,
    chosen_classifiers,
    describe_extractor,
    run_extractors,
    write_inputs,
)
from coverfusion.experiments.pipeline.progress import counted, watched
from coverfusion.experiments.pipeline.provenance import write_json
from coverfusion.experiments.pipeline.run_folder import RUN_FILES
from coverfusion.experiments.pipeline.study import StudyFolder, open_study_folder
from coverfusion.experiments.training.card import bundle_card
from coverfusion.experiments.training.photos import learn_looks
from coverfusion.experiments.training.report import write_report
from coverfusion.experiments.training.stack_weights import write_stack_weights
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.bundle import save_bundle
from coverfusion.fusion.pictures import PIXELS
from coverfusion.fusion.registry import create_checked
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.uncertainty.decision import Decision, learn_decision

SCORED = ("test", ALL_FOLDS)  # what the results speak of; validation covers choose


def train(config: Config, fresh: bool = False, note: str = "") -> Path:
    """Does the whole run and returns its folder.

    The folder's name ends in a digest of the config, the collection and the extractors: the same run
    started again goes on where it was, and a finished one is returned as it is.

    Args:
        config: what to do.
        fresh: forget an earlier run with the same digest.
        note: what readers of the report must know about the collection.

    Raises:
        UserError: no classifier can be fitted; as `read_collection`, `make_extractors` and
            `features.extract.extract`.
    """
    config, _ = with_saved_folds(config)
    names = chosen_classifiers(config)
    for name in dict.fromkeys([*names, *config.alone]):
        create_checked(name, **(config.classifiers or {}).get(name, {}))
    extractors = run_extractors(config, names)

    def check(covers: pd.DataFrame) -> None:
        check_parts(covers, config, RUN_HELD_OUT)

    with open_study_folder("", config, extractors, page="report.html", fresh=fresh, check=check) as study:
        if not study.is_finished():
            _train(study, names, note)
        return study.path


def _train(study: StudyFolder, names: list[str], note: str) -> None:
    """Fills the run folder with these classifiers and the config's members."""
    config, folder = study.config, study.path
    prepared = study.prepare()
    parts = run_parts(prepared.covers, config, folder)
    note = " ".join(filter(None, [note, say_untested(prepared.covers, parts, config, SCORED)]))
    write_inputs(folder, config, prepared, note)
    fits = study.fits(prepared, config.classifiers or {}, keep_models=True)
    blocks = tuple(prepared.table.blocks)
    predictions, left_out = predict_all(fits, models_of(names, config.alone, blocks), parts)
    if left_out:
        note = " ".join([*filter(None, [note]), *left_out])
        write_inputs(folder, config, prepared, note)
    if not any(model in predictions for model in models_of(names, [], blocks)):
        raise UserError(f"No classifier can be fitted. {' '.join(left_out)} Add covers, or other blocks.")
    groups = prepared.covers.set_index("cover_id")["group"]
    scored = score_splits(predictions, groups, config.seed, config.folds)
    choosing = ALL_FOLDS if config.folds else "validation"
    chosen = best_model(scored, choosing, blocks)
    seconds = {model: sum(fits.seconds(model, part) for part in parts) for model in predictions}
    write_leaderboard(folder, leaderboard(scored, seconds, choosing), scored)
    write_predictions(folder / "predictions.parquet", predictions, groups)
    write_stack_weights(folder, fits, list(predictions), parts)
    write_json(folder / "metrics.json", as_json(scored, chosen))
    train_ids = parts[0].train if not config.folds else prepared.covers["cover_id"].tolist()
    classifier = (
        fits.fitted(chosen, parts[0]) if not config.folds else fits.fit(chosen, Part("all", train_ids, {}))
    )
    held_out = predictions[chosen][predictions[chosen]["split"] == choosing]
    neighbours = write_bundle(folder / "bundle", classifier, chosen, prepared, train_ids, held_out, note)
    keep_training_curves(folder)
    write_sums(folder, [name for name in RUN_FILES if (folder / name).is_file()])
    write_report(folder, neighbours, prepared.table, prepared.covers)
    study.remove_fits()


def keep_training_curves(folder: Path) -> None:
    """Copies what image networks wrote while they were trained to `training/<part>/<model>/`."""
    for file in sorted((folder / "fits").rglob("training/**/*")):
        if file.suffix in (".csv", ".png"):
            place = [part for part in file.relative_to(folder / "fits").parts if part != "training"]
            kept = folder.joinpath("training", *place)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, kept)


def predict_all(
    fits: CachedFits, models: list[Model], parts: list[Part]
) -> tuple[dict[Model, pd.DataFrame], list[str]]:
    """Predictions of every model, parts stacked; shows which fit is running.

    Returns:
        Model -> its predictions, and a sentence for each model that cannot be fitted and is left out.
    """
    left_out: list[str] = []
    frames: dict[Model, list[pd.DataFrame]] = {model: [] for model in models}
    with counted("fitting", len(models) * len(parts)) as bar:
        fits.watch = lambda what, done, total: watched(bar, what, done, total)
        for part in parts:
            for model in models:
                bar.update(bar.task_ids[0], now=f"{model.name}, {part.name}")
                try:
                    if model in frames:
                        frames[model].append(fits.predictions(model, part))
                except CannotFitError as error:
                    del frames[model]
                    left_out.append(f"Left out: {error}.")
                    console.print(left_out[-1], style="yellow", soft_wrap=True)
                bar.advance(bar.task_ids[0])
    return {model: pd.concat(stacked).fillna(0.0) for model, stacked in frames.items()}, left_out


def write_predictions(path: Path, predictions: dict[Model, pd.DataFrame], groups: pd.Series) -> None:
    """One row a model and cover: split, true and predicted genre, group, probabilities."""
    frames = []
    for model, frame in predictions.items():
        proba = frame.filter(regex="^p_")
        predicted = proba.columns.str[2:].to_numpy()[proba.to_numpy().argmax(axis=1)]
        frames.append(
            frame.assign(
                classifier=model.classifier,
                blocks="+".join(model.blocks),
                predicted=predicted,
                group=groups.loc[frame.index],
            )
        )
    pd.concat(frames).reset_index().to_parquet(path)


def write_bundle(
    folder: Path,
    classifier: BlockClassifier,
    model: Model,
    prepared: Prepared,
    train_ids: list[str],
    held_out: pd.DataFrame,
    note: str = "",
) -> TrainingIndex:
    """The chosen model with all that scoring needs, the index of its training covers, and held-out covers.

    Args:
        folder: of the bundle, in that of its run, which is filled but for the report.
        classifier: fitted on `train_ids`.
        model: what it is called.
        prepared: all covers and features.
        train_ids: what the bundle's model has learnt from.
        held_out: by cover_id: `split`, `genre` and `p_<genre>`, by a model that was not fitted on the cover.
        note: what readers must know about the collection.
    """
    covers = prepared.covers.set_index("cover_id").loc[train_ids]
    table = prepared.table.rows(train_ids)
    used = [e for e in prepared.extractors if e.name != PIXELS or PIXELS in model.blocks]
    columns = {name: list(frame.columns) for name, frame in prepared.table.blocks.items()}
    neighbours = TrainingIndex().fit(
        table.frame(),
        cover_ids=train_ids,
        genres=covers["genre"].tolist(),
        paths=covers["path"].tolist(),
        thumbnails=[thumbnail(read_bytes(path)) for path in covers["path"]],
    )
    decision = _decision(classifier.classes_, prepared.covers.set_index("cover_id")["group"], held_out)
    save_bundle(
        folder,
        classifier,
        neighbours=neighbours,
        decision=decision,
        card=bundle_card(folder.parent, used, decision),
        novelty=learn_looks(table.frame(), covers["group"].to_numpy(), prepared.extractors),
        columns=columns | {e.name: list(e.columns) for e in used if e.name == PIXELS},
        extractors={e.name: describe_extractor(e) for e in used},
        extra={
            "collection": prepared.collection.fingerprint(),
            "covers": len(train_ids),
            "model": model.name,
        }
        | ({"precision": classifier.precision_} if hasattr(classifier, "precision_") else {})
        | ({"note": note} if note else {}),
    )
    return neighbours


def _decision(classes: np.ndarray, groups: pd.Series, held_out: pd.DataFrame) -> Decision:
    """What scoring learns from held-out covers; `groups` by cover_id."""
    genres = [str(genre) for genre in classes]
    return learn_decision(
        held_out.reindex(columns=[f"p_{genre}" for genre in genres], fill_value=0.0).to_numpy(),
        pd.Index(genres).get_indexer(pd.Index(held_out["genre"])),
        groups.loc[held_out.index].to_numpy(),
        source=str(held_out["split"].iloc[0]),
    )
