"""The main job: collection -> blocks -> splits -> classifiers -> metrics -> run folder, bundle and report."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from coverfusion.data.checksums import write_sums
from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import genre_names, labels_of
from coverfusion.data.sources import read_bytes
from coverfusion.experiments.drawing.thumbnails import thumbnail
from coverfusion.experiments.evaluation.chosen_metric import SET_METRICS
from coverfusion.experiments.pipeline.cached_fits import (
    CachedFits,
    CannotFitError,
    Fitted,
    Model,
    Part,
    all_blocks,
    models_of,
)
from coverfusion.experiments.pipeline.chosen_splits import with_saved_folds
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.genre_thresholds import with_named
from coverfusion.experiments.pipeline.guess import baselines
from coverfusion.experiments.pipeline.leaderboard import as_json, leaderboard, score_splits, write_leaderboard
from coverfusion.experiments.pipeline.parts import (
    ALL_FOLDS,
    RUN_HELD_OUT,
    check_parts,
    run_parts,
    say_untested,
)
from coverfusion.experiments.pipeline.predicted_genres import named_genres, predicted_of
from coverfusion.experiments.pipeline.preparation import (
    Prepared,
    chosen_classifiers,
    describe_extractor,
    run_extractors,
    write_inputs,
)
from coverfusion.experiments.pipeline.progress import counted, watched
from coverfusion.experiments.pipeline.provenance import write_json
from coverfusion.experiments.pipeline.run_folder import NOTE_FILE, RUN_FILES
from coverfusion.experiments.pipeline.study import StudyFolder, open_study_folder
from coverfusion.experiments.pipeline.unequal_genres import say_unequal
from coverfusion.experiments.scoring.genre_ranges import RANGES, ranges_by_genre
from coverfusion.experiments.training.card import bundle_card
from coverfusion.experiments.training.choice import best_model, choosing_covers
from coverfusion.experiments.training.nested_study import NESTED_FILE, check_nested, nested_table
from coverfusion.experiments.training.photos import learn_looks
from coverfusion.experiments.training.report import write_report
from coverfusion.experiments.training.seed_study import SEEDS_FILE, check_seeds, seed_table
from coverfusion.experiments.training.stack_weights import write_stack_weights
from coverfusion.features.sides import fronts_of, meanings_of
from coverfusion.features.table import is_metadata
from coverfusion.fusion.bundle import save_bundle
from coverfusion.fusion.categories import holds_strings
from coverfusion.fusion.pictures import PIXELS
from coverfusion.fusion.prior import Prior, prior_weight
from coverfusion.fusion.registry import create_checked
from coverfusion.fusion.several_genres import SeveralGenres
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.uncertainty.decision import Decision, learn_decision
from coverfusion.fusion.uncertainty.several_decision import SeveralDecision, learn_several_decision

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
    check_nested(config)
    config, _ = with_saved_folds(config)
    names = chosen_classifiers(config)
    for name in dict.fromkeys([*names, *config.alone]):
        create_checked(name, **(config.classifiers or {}).get(name, {}))
    check_seeds(config, names)
    extractors = run_extractors(config, names)

    def check(covers: pd.DataFrame) -> None:
        check_parts(covers, config, RUN_HELD_OUT)

    with open_study_folder("", config, extractors, page="report.html", fresh=fresh, check=check) as study:
        if not study.is_finished():
            _train(study, names, note)
        if config.note:
            (study.path / NOTE_FILE).write_text(config.note + "\n", encoding="utf-8")
        return study.path


def _train(study: StudyFolder, names: list[str], note: str) -> None:
    """Fills the run folder with these classifiers and the config's members."""
    config, folder = study.config, study.path
    prepared = study.prepare()
    parts = run_parts(prepared.covers, config, folder)
    note = " ".join(filter(None, [note, say_untested(prepared.covers, parts, config, SCORED)]))
    unequal = say_unequal(prepared.covers, config)
    write_inputs(folder, config, prepared, note, unequal)
    fits = study.fits(prepared, config.classifiers or {}, keep_models=True)
    blocks = tuple(prepared.learnable_columns())
    predictions, left_out = predict_all(fits, models_of(names, config.alone, blocks), parts)
    if left_out:
        note = " ".join([*filter(None, [note]), *left_out])
        write_inputs(folder, config, prepared, note, unequal)
    if not any(model in predictions for model in models_of(names, [], blocks)):
        raise UserError(f"No classifier can be fitted. {' '.join(left_out)} Add covers, or other blocks.")
    groups = prepared.covers.set_index("cover_id")["group"]
    scored = score_splits(predictions, groups, config.seed, config.folds)
    choosing = ALL_FOLDS if config.folds else "validation"
    genre = labels_of(prepared.covers.set_index("cover_id"))
    chosen, deciding = choose_model(predictions, genre, groups, choosing, blocks, config)
    seconds = {model: sum(fits.seconds(model, part) for part in parts) for model in predictions}
    board = leaderboard(scored, seconds, choosing, SET_METRICS[config.metric])
    write_leaderboard(folder, board, scored)
    write_predictions(folder / "predictions.parquet", predictions, groups, deciding)
    write_stack_weights(folder, fits, list(predictions), parts)
    why = {"by": config.choose_by, "deciding_covers": len(deciding)}
    genres = genre_names(prepared.covers)
    baseline = baselines(parts, genre, genres)
    guessed = {} if config.prior == "natural" else baselines(parts, genre, genres, config.prior)
    write_json(folder / "metrics.json", as_json(scored, chosen, why, config.metric, baseline, guessed))
    train_ids = parts[0].train if not config.folds else prepared.covers["cover_id"].tolist()
    if config.nested:  # before the bundle, whose card tells it
        fused = [model for model in predictions if model.blocks == all_blocks(model.classifier, blocks)]
        write_csv(nested_table(fits, fused, prepared.covers, config), folder / NESTED_FILE)
    classifier = (
        fits.fitted(chosen, parts[0]) if not config.folds else fits.fit(chosen, Part("all", train_ids, {}))
    )
    held_out = predictions[chosen][predictions[chosen]["split"] == choosing].loc[deciding]
    neighbours = write_bundle(
        folder / "bundle", classifier, chosen, prepared, train_ids, held_out, config.prior, note
    )
    keep_training_curves(folder)
    if config.seeds > 1:
        judged = ALL_FOLDS if config.folds else "test"
        write_csv(seed_table(fits, predictions, parts, judged, config.seeds), folder / SEEDS_FILE)
    write_sums(folder, [name for name in RUN_FILES if (folder / name).is_file()])
    write_report(folder, neighbours, prepared.table, prepared.covers)
    study.remove_fits()


def choose_model(
    predictions: dict[Model, pd.DataFrame],
    genre: pd.Series | pd.DataFrame,
    groups: pd.Series,
    split: str,
    blocks: Sequence[str],
    config: Config,
) -> tuple[Model, pd.Index]:
    """The bundle's model, and the held-out covers that calibrate it and set its thresholds.

    Args:
        predictions: of every model.
        genre: cover_id -> genre, as `data.genre_sets.labels_of` has it.
        groups: cover_id -> group.
        split: the one that chooses.
        blocks: of the feature table.
        config: whose `choose_by`, `prior` and seed count.

    Returns:
        All covers of the split where one model alone could be chosen, else those that did not choose it.
    """
    held_out = {model: frame[frame["split"] == split] for model, frame in predictions.items()}
    ids = next(iter(held_out.values())).index
    held = genre.loc[ids]
    # covers of several genres have no prior but their own
    weight = pd.Series(1.0, ids) if isinstance(held, pd.DataFrame) else prior_weight(config.prior, held)
    chooses = choosing_covers(held, groups, config.seed)
    if not chooses.any():
        chooses[:] = True
    chosen = best_model(held_out, blocks, SET_METRICS[config.choose_by], weight[chooses])
    alone = sum(model.blocks == all_blocks(model.classifier, blocks) for model in predictions) == 1
    return chosen, ids if alone or chooses.all() else ids[~chooses.to_numpy()]


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
    alike = len({model.classifier for model in models}) == 1
    with counted("fitting", len(models) * len(parts), alike) as bar:
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
    if fits.sets:
        groups = fits.covers["group"]
        return {
            model: pd.concat(with_named(of_folds, groups, fits.seed)) for model, of_folds in frames.items()
        }, left_out
    return {model: pd.concat(stacked).fillna(0.0) for model, stacked in frames.items()}, left_out


def write_predictions(
    path: Path, predictions: dict[Model, pd.DataFrame], groups: pd.Series, deciding: pd.Index
) -> None:
    """One row a model and cover: split, true and predicted genre, group, probabilities.

    `decides` marks the covers that calibrate the bundle's model and set its thresholds.
    """
    frames = []
    for model, frame in predictions.items():
        frames.append(
            frame.assign(
                classifier=model.classifier,
                blocks="+".join(model.blocks),
                predicted=named_genres(frame),
                group=groups.loc[frame.index],
                decides=frame.index.isin(deciding),
            )
        )
    pd.concat(frames).reset_index().to_parquet(path)


def write_bundle(
    folder: Path,
    classifier: Fitted,
    model: Model,
    prepared: Prepared,
    train_ids: list[str],
    held_out: pd.DataFrame,
    prior: Prior = "natural",
    note: str = "",
) -> TrainingIndex:
    """The chosen model with all that scoring needs, the index of its training covers, and held-out covers.

    Args:
        folder: of the bundle, in that of its run, which is filled but for the report.
        classifier: fitted on `train_ids`.
        model: what it is called.
        prepared: all covers and features.
        train_ids: what the bundle's model has learnt from.
        held_out: by cover_id: `split`, `genre` and `p_<genre>`, by a model that was not fitted on the cover,
            nor chosen by it.
        prior: that probabilities answer to.
        note: what readers must know about the collection.
    """
    covers = prepared.covers.set_index("cover_id").loc[train_ids]
    fronts = fronts_of(prepared.table.rows(train_ids))
    used = [e for e in prepared.extractors if e.name != PIXELS or PIXELS in model.blocks]
    columns = {name: list(frame.columns) for name, frame in prepared.table.blocks.items()}
    neighbours = TrainingIndex().fit(
        fronts.frame(),
        cover_ids=train_ids,
        genres=covers["genre"].tolist(),
        paths=covers["path"].tolist(),
        thumbnails=[thumbnail(read_bytes(path)) for path in covers["path"]],
    )
    groups = prepared.covers.set_index("cover_id")["group"]
    sets = isinstance(classifier, SeveralGenres)
    decision = None if sets else _decision(classifier.classes_, groups, held_out, prior)
    save_bundle(
        folder,
        classifier,
        neighbours=neighbours,
        decision=decision,
        several=_several_decision(groups, held_out) if sets else None,
        card=bundle_card(folder.parent, used, decision, classifier),
        novelty=learn_looks(fronts.frame(), covers["group"].to_numpy(), prepared.extractors),
        columns=columns | {e.name: list(e.columns) for e in used if e.name == PIXELS},
        extractors={e.name: describe_extractor(e) for e in used},
        metadata=prepared.metadata.blocks if prepared.metadata else None,
        extra={
            "collection": prepared.collection.fingerprint(),
            "covers": len(train_ids),
            "model": model.name,
            "prior": dict(zip(map(str, classifier.classes_), classifier.prior_.tolist(), strict=True)),
        }
        | _ranges(prepared, covers, set(neighbours.columns))
        | ({"precision": classifier.precision_} if hasattr(classifier, "precision_") else {})
        | ({"note": note} if note else {}),
    )
    return neighbours


def _ranges(prepared: Prepared, covers: pd.DataFrame, indexed: set[str]) -> dict[str, Any]:
    """Where half of each genre's covers lie, of readable columns beside the index; `covers` by cover_id."""
    rows = prepared.learnable().loc[covers.index]
    readable = meanings_of(prepared.extractors, backs=True)
    columns = [
        name
        for name in map(str, rows)
        if name not in indexed and (name in readable or (is_metadata(name) and not holds_strings(name)))
    ]
    return {RANGES: ranges_by_genre(rows, covers, columns)} if columns else {}


def _several_decision(groups: pd.Series, held_out: pd.DataFrame) -> SeveralDecision:
    """The same of covers of several genres."""
    found = predicted_of(held_out)
    own = groups.loc[held_out.index].to_numpy()
    return learn_several_decision(found.proba, found.truth, own, str(held_out["split"].iloc[0]))


def _decision(classes: np.ndarray, groups: pd.Series, held_out: pd.DataFrame, prior: Prior) -> Decision:
    """What scoring learns from held-out covers; `groups` by cover_id."""
    genres = [str(genre) for genre in classes]
    return learn_decision(
        held_out.reindex(columns=[f"p_{genre}" for genre in genres], fill_value=0.0).to_numpy(),
        pd.Index(genres).get_indexer(pd.Index(held_out["genre"])),
        groups.loc[held_out.index].to_numpy(),
        source=str(held_out["split"].iloc[0]),
        weight=None if prior == "natural" else prior_weight(prior, held_out["genre"]).to_numpy(),
    )
