"""The transfer study: learn from one collection or source, be tested on another."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pandas as pd

from coverfusion.data.addresses import Place
from coverfusion.data.collection import Collection
from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.outputs import make_output_folder
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.guess import largest_genre
from coverfusion.experiments.pipeline.outputs import check_folder, left_out_if_refused, one_writer
from coverfusion.experiments.pipeline.parallel_fits import fit_all
from coverfusion.experiments.pipeline.predicted_genres import named_genres
from coverfusion.experiments.pipeline.preparation import open_collection, run_extractors, write_inputs
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.pipeline.provenance import digest, write_json
from coverfusion.experiments.pipeline.study import StudyFolder, with_folds
from coverfusion.experiments.pipeline.unequal_genres import say_unequal
from coverfusion.experiments.transfer.findings import transfer_findings
from coverfusion.experiments.transfer.genre_map import partners, read_genre_map
from coverfusion.experiments.transfer.joined import (
    Pooled,
    pool_collections,
    pool_sources,
    read_pooled,
    sources_of,
)
from coverfusion.experiments.transfer.page import write_transfer_page
from coverfusion.experiments.transfer.plan import (
    TRANSFER,
    Plan,
    TestedSource,
    block_sets,
    plan_each,
    plan_two,
)
from coverfusion.experiments.transfer.tables import (
    Outcome,
    Sets,
    Tested,
    blocks_table,
    scores_table,
)
from coverfusion.fusion.registry import create_checked

DEFAULT_CLASSIFIERS = ("svc", "catboost")
PAGE = "index.html"


def transfer(
    config: Config,
    second: Place | None = None,
    genres: Path | None = None,
    workers: int | None = None,
    fresh: bool = False,
) -> Path:
    """Does the study and returns its folder, `transfer-<first>-<second>-<digest>`.

    Near duplicates and artists that lie on both sides are left out of the test. The same study started again
    goes on where it was; a finished one is returned as it is.

    Args:
        config: as for `train`, of the first collection; without classifiers svc and catboost.
        second: the collection to test on. None: the first one's manifest has a column `source`; each source
            is tested on after learning from all others, with 5 folds where the config names none.
        genres: a CSV file with the columns from and to: what genres of either collection are to be called.
        workers: processes; None: one a core.
        fresh: forget an earlier study with the same digest.

    Raises:
        UserError: as `experiments.training.train.train`, `read_genre_map`, `partners` and
            `manifest_sources`; no cover is left to test on.
    """
    config = _checked(config)
    if config.metadata is not None:
        raise UserError("metadata: transfer compares pictures alone. Leave the key out of its config.")
    if config.labels == "many":
        raise UserError(
            "labels: many: transfer compares covers with one genre each. Leave the key out of its config: "
            "covers under several genres are then left out."
        )
    if config.sides == "fused":
        raise UserError("sides: transfer compares single pictures. Leave the key out of its config.")
    if second is None:
        if genres is not None:
            raise UserError("--genres maps the genres of two collections. Name the second one.")
        config = with_folds(config)
    extractors = run_extractors(config, list(config.classifiers or {}))
    collections, names = [open_collection(config)], [config.collection_name]
    if second is not None:
        other = config.model_copy(update={"collection": second})
        collections.append(open_collection(other))
        same = other.collection_name == names[0]
        names.append(f"{other.collection_name} 2" if same else other.collection_name)
    pooled, mapping = _pool(collections, names, genres)
    asked = {
        "train": names[0],
        "test": names[1] if second is not None else "each source",
        "genres": mapping,
        "sources": sorted(set(pooled.rows["source"])),
        "fingerprints": [collection.fingerprint() for collection in collections],
    }
    facts = [metadata.version("coverfusion"), config.identity(), asked]
    key = digest([*facts, [extractor.fingerprint() for extractor in extractors]])
    path = config.out / "-".join(["transfer", *names, key])
    with one_writer(path.with_name(f".{path.name}.lock"), path):
        if fresh and path.exists():
            shutil.rmtree(path)
        with left_out_if_refused(path):
            make_output_folder(path)
            joined, joined_config = read_pooled(pooled, path / "covers.csv", config)
            study = StudyFolder(path, joined_config, joined, extractors, PAGE, key)
            if not study.is_finished():
                write_json(path / "study.json", asked | {"folds": config.folds, "seed": config.seed})
                _fill(study, pooled, names, workers)
    return path


def _checked(config: Config) -> Config:
    """The config with its classifiers; raises UserError where one or the output folder will not do."""
    default: dict[str, dict[str, object]] = {name: {} for name in DEFAULT_CLASSIFIERS}
    wanted = config.classifiers if config.classifiers is not None else default
    for name, parameters in wanted.items():
        create_checked(name, **parameters)
    check_folder(config.out)
    return config.model_copy(update={"classifiers": wanted, "alone": []})


def _pool(
    collections: Sequence[Collection], names: Sequence[str], file: Path | None
) -> tuple[Pooled, dict[str, str]]:
    if len(collections) == 1:
        return pool_sources(collections[0]), {}
    own = [list(dict.fromkeys(collection.frame["genre"])) for collection in collections]
    mapping = read_genre_map(file, [*own[0], *own[1]])
    common = partners(own[0], own[1], mapping)
    return pool_collections(collections, names, mapping, common), mapping


def _fill(study: StudyFolder, pooled: Pooled, names: Sequence[str], workers: int | None) -> None:
    """Fits, tables, findings and page of a study that is not finished."""
    config, folder = study.config, study.path
    prepared = study.prepare()
    covers = prepared.covers.assign(source=sources_of(prepared.covers, pooled))
    two = len(names) > 1
    plan = plan_two(covers, names, config, folder) if two else plan_each(covers, config, folder)
    write_inputs(folder, config, prepared, say_unequal(covers, config))
    sets: dict[Model, list[tuple[str, str]]] = {}
    for name in config.classifiers or {}:
        sets |= block_sets(name, list(prepared.table.blocks))
    fits = study.fits(prepared, config.classifiers or {})
    with counted("fitting", len(sets) * len(plan.parts)) as bar:

        def progress(done: int) -> None:
            bar.update(bar.task_ids[0], completed=done)

        fit_all(fits, list(sets), plan.parts, workers, progress)
    tested = [_tested(fits, sets, plan, source, covers, config) for source in plan.tests]
    scores = pd.concat([scores_table(one) for one in tested], ignore_index=True)
    blocks = pd.concat([blocks_table(one) for one in tested], ignore_index=True)
    left_out = pooled.left_out | _not_tested(study.collection, plan)
    left = pd.DataFrame({"what": list(left_out), "covers": list(left_out.values())})
    for name, table in {"scores": scores, "blocks": blocks, "left_out": left}.items():
        write_csv(table, folder / f"{name}.csv")
    sentences = transfer_findings(names, scores, blocks, left_out)
    (folder / "findings.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    write_transfer_page(folder, sentences, scores, blocks, left)
    study.remove_fits()


def _not_tested(collection: Collection, plan: Plan) -> dict[str, int]:
    """Reason -> covers that are not tested because of what was learnt."""
    copies = "in both byte for byte, which count for the first collection alone"
    counts = {copies: collection.counts["copies"]}
    for source in plan.tests:
        counts[f"of {source.name}, which share a picture or an artist with training covers"] = source.leaked
        counts[f"of {source.name}, of genres that no training cover has"] = source.unknown
    return {what: covers for what, covers in counts.items() if covers}


def _tested(
    fits: CachedFits, sets: Sets, plan: Plan, source: TestedSource, covers: pd.DataFrame, config: Config
) -> Tested:
    by_id = covers.set_index("cover_id")
    genres = sorted(by_id["genre"].unique())
    outcomes = {}
    for model in sets:
        parts = [part for part in plan.parts if plan.within in part.predicted]
        within = pd.concat([_predicted(fits, model, part, plan.within) for part in parts])
        moved = _predicted(fits, model, source.part, TRANSFER)
        if plan.paired:  # a genre of few groups is in no fold
            both = within.index.intersection(moved.index)
            within, moved = within.loc[both], moved.loc[both]
        outcomes[model] = Outcome(*(_ready(frame, genres, by_id["group"]) for frame in (within, moved)))
    usual = largest_genre(by_id.loc[source.part.train, "genre"])
    return Tested(source.name, sets, outcomes, usual, genres, config.folds, plan.paired, config.seed)


def _predicted(fits: CachedFits, model: Model, part: Part, name: str) -> pd.DataFrame:
    frame = fits.predictions(model, part)
    return frame[frame["split"] == name]


def _ready(frame: pd.DataFrame, genres: Sequence[str], groups: pd.Series) -> pd.DataFrame:
    """With a probability for each genre, the predicted one, and the group, in the order of cover ids."""
    frame = frame.sort_index()
    proba = frame.reindex(columns=[f"p_{genre}" for genre in genres]).fillna(0.0)
    return proba.assign(genre=frame["genre"], predicted=named_genres(proba), group=groups.loc[frame.index])
