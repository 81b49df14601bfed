"""From a config to prepared covers: classifiers, extractors, collection, feature table, inputs on disk."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.collection import Collection, read_collection
from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import GENRES_COLUMN, each_genre, genre_names, has_sets, seems_several
from coverfusion.data.identity_order import group_numbers, least_covers
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.pictures import READ_FORMATS
from coverfusion.data.plurals import how_many
from coverfusion.data.registry import origin_of
from coverfusion.data.sources import is_manifest
from coverfusion.experiments.evaluation.ceiling import conflict_ceiling
from coverfusion.experiments.pipeline.blocks import decode_pictures, failure_frame, fill, make_extractors
from coverfusion.experiments.pipeline.config import Config, write_config
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.metadata import Metadata
from coverfusion.experiments.pipeline.outputs import check_folder
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.pipeline.provenance import environment, write_json
from coverfusion.experiments.pipeline.word_groups import group_by_words
from coverfusion.features.decoded import Decoded
from coverfusion.features.extract import Failure
from coverfusion.features.pixels import Pixels
from coverfusion.features.registry import Extractor, extractor_names, reads_text
from coverfusion.features.registry import create as create_extractor
from coverfusion.features.sides import read_items
from coverfusion.features.store import Store
from coverfusion.features.table import FeatureTable, Made, is_back
from coverfusion.fusion.pictures import PIXELS, Pictures
from coverfusion.fusion.registry import classifier_class, classifier_names

MOST_REASONS = 3  # of rejection, in a message
# how a reason begins -> what to do about it
ADVICE = {
    "no such file": "Paths in a manifest are relative to the manifest: mend them.",
    "no genre": "Put each cover into a folder that is named by its genre.",
    "not a picture": f"Give covers as {', '.join(READ_FORMATS)}.",
    "an archive without": "Put pictures into the zips.",
    "cannot be read": "Make the files readable.",
    "broken": "Copy these files once more from where they came.",
    "truncated": "Copy the truncated files once more from where they came.",
    "empty file": "Copy the empty files once more from where they came.",
    "encrypted": "Unpack the encrypted zips.",
    "a zip inside": "Unpack the zips that lie in zips.",
    "a link": "Put the folders themselves where links are.",
}


@dataclass(frozen=True)
class Prepared:
    """What all later steps of a run need."""

    collection: Collection
    covers: pd.DataFrame
    table: FeatureTable
    extractors: list[Extractor]
    failures: list[Failure]
    pictures: Decoded | None = None
    metadata: Metadata | None = None

    def learnable(self) -> pd.DataFrame:
        """What classifiers learn from, by cover_id: the table's columns and those of metadata."""
        ids = pd.Index(self.covers["cover_id"])
        frame = self.table.learnable() if self.table.blocks else pd.DataFrame(index=ids)
        return frame if self.metadata is None else pd.concat([frame, self.metadata.learnable()], axis=1)

    def learnable_columns(self) -> dict[str, list[str]]:
        """Block -> its columns in `learnable`, without the block's name."""
        return self.table.learnable_columns() | ({} if self.metadata is None else self.metadata.columns())


def chosen_classifiers(config: Config) -> list[str]:
    """The config's, or all; those that learn from pictures only where the block `pixels` is named.

    Raises:
        UserError: a named one learns from text, and no block reads any.
    """
    reads = config.blocks is None or any(map(reads_text, config.blocks))
    if config.classifiers is not None:
        for name in config.classifiers:
            if classifier_class(name).needs_text and not reads:
                raise UserError(
                    f"Classifier '{name}' needs a block that reads text. Add `ocr` to the blocks."
                )
        return list(config.classifiers)
    names = [name for name in classifier_names() if reads or not classifier_class(name).needs_text]
    return names if PIXELS in (config.blocks or {}) else [name for name in names if not _sees_pictures(name)]


def _sees_pictures(classifier: str) -> bool:
    return classifier_class(classifier).pictures is not Pictures.NONE


def run_extractors(config: Config, classifiers: list[str]) -> list[Extractor]:
    """The blocks of a run, `pixels` among them where a classifier learns from pictures."""
    extractors = make_extractors(config.blocks, config.preset)
    needed = any(_sees_pictures(name) for name in {*classifiers, *config.alone})
    if needed and PIXELS not in [extractor.name for extractor in extractors]:
        extractors.append(create_extractor(PIXELS))
    if config.sides == "fused" and PIXELS in [extractor.name for extractor in extractors]:
        raise UserError(
            "sides: fused takes no classifier that learns from pictures themselves, for they see one side. "
            "Leave out `pixels` and such classifiers, or take `sides: separate`."
        )
    return extractors


def open_collection(config: Config) -> Collection:
    """Reads the collection with a progress bar and says what was dropped.

    Raises:
        UserError: as `read_collection`; no cover is left, or the store cannot be written.
    """
    if not any(config.store.glob("*/block.json")):  # one with rows may be only read, if nothing is missing
        check_folder(config.store, "--store")
    collection = read_with_progress(config)
    if len(collection.frame) == 0:
        raise UserError(
            f"{why_empty(collection)} `coverfusion inspect {config.collection}` lists them in rejected.csv "
            f"and conflicts.csv."
        )
    _say_left_out(collection)
    say_sides(collection)
    return collection


def read_with_progress(config: Config) -> Collection:
    """The collection, which may hold no usable cover. Raises UserError as `read_collection`."""
    with counted("reading", None) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.update(bar.task_ids[0], completed=done, total=total)

        collection = read_collection(
            config.collection,
            keep=config.keep,
            genres=config.genres,
            facts_cache=config.store / "facts",
            progress=progress,
            labels=config.labels,
            separator=config.separator,
            sides=config.sides,
        )
    if config.store.is_dir():  # a store among covers is none
        with contextlib.suppress(OSError):  # it is only read
            make_output_folder(config.store)
    return collection


def why_empty(collection: Collection) -> str:
    """Says why no cover of a collection can be used, and what to do about it."""
    said = [f"{collection.source} holds no usable cover:"]
    reasons = collection.rejected["reason"].value_counts()
    if len(reasons):
        most = "; ".join(f"{reason} ({files:,})" for reason, files in reasons.head(MOST_REASONS).items())
        said.append(f"{how_many(int(reasons.sum()), 'file was', 'files were')} rejected: {most}.")
        said += [what for start, what in ADVICE.items() if any(r.startswith(start) for r in reasons.index)]
    if collection.counts["left_out"]:
        conflicting = collection.counts["conflicting"] + collection.counts["near_conflicting"]
        said.append(
            f"{how_many(conflicting, 'cover stands', 'covers stand')} under several genres: "
            "`--keep first` keeps "
            f"each under its first genre, `--keep all` under every one."
        )
    return " ".join(said)


def _say_left_out(collection: Collection) -> None:
    counts = collection.counts
    kinds = [
        ("rejected", "rejected"),
        ("copies", "copies"),
        ("left_out", "under several genres"),
        ("merged", "copies of a cover, which has the genres of all its files"),
    ]
    gone = ", ".join(f"{counts[key]:,} {words}" for key, words in kinds if counts[key])
    if gone:
        console.print(
            f"{how_many(len(collection), 'cover')} of {how_many(counts['files'], 'file')}; left out: {gone}.",
            style="yellow",
            highlight=False,
        )


def say_several_genres(collection: Collection) -> None:
    """Prints that covers may have several genres, where each has one and some seem to have more."""
    if collection.labels == "many":
        return
    if collection.counts["left_out"]:
        console.print("`--labels many` keeps covers that stand under several genres, with all of them.")
    names = genre_names(collection.frame) if is_manifest(collection.source) else []
    if (odd := seems_several(names)) is not None:
        console.print(
            f"'{odd}' is one genre here, and seems to name several: `--labels many` parts them.",
            style="yellow",
            highlight=False,
            markup=False,
        )


def say_sides(collection: Collection) -> None:
    """Prints how many backs there are, or that sides could be fused."""
    counts, said = collection.counts, ""
    if collection.sides == "fused":
        said = (
            f"Sides are fused: {how_many(len(collection), 'item')}, {counts['backs']:,} with a back, "
            f"{counts['backs_alone']:,} of these without a front."
        )
    elif collection.two_sided:
        said = "The manifest tells fronts from backs; each is a cover here. `--sides fused` joins them."
    if said:
        console.print(said, highlight=False)


def prepare(
    config: Config, collection: Collection, extractors: list[Extractor], metadata: Metadata | None = None
) -> Prepared:
    """Fills the feature table; covers that cannot be decoded any more are left out and listed."""
    store = Store(config.store)
    tabled = [extractor for extractor in extractors if not isinstance(extractor, Pixels)]
    if config.groups == "words" and not any(reads_text(extractor.name) for extractor in tabled):
        raise UserError("groups: words needs a block that reads text, such as `ocr`.")
    failures = fill(collection.frame, tabled, store, config.max_failed)
    pictures = None
    for extractor in extractors:
        if isinstance(extractor, Pixels):
            pictures, undecoded = decode_pictures(
                collection.frame, extractor, config.store, config.max_failed
            )
            failures += undecoded
    if failures:
        console.print(f"{how_many(len(failures), 'failure')}, listed in failures.csv", style="yellow")
    unread = {f.cover_id for f in failures if not f.block}
    covers = collection.frame[~collection.frame["cover_id"].isin(unread)]
    # what is drawn by the position of a row must not depend on the names of files
    covers = covers.sort_values(["cover_id", "genre"], ignore_index=True)
    table = read_items(covers, tabled, store)
    if config.groups == "words":
        covers["group"] = _word_groups(covers, table)
    ids = covers["cover_id"].tolist()
    doubled = covers["cover_id"].duplicated(keep=False)
    if doubled.any():  # keep="all": one cover under several genres is several rows
        covers.loc[doubled, "cover_id"] += ":" + covers.loc[doubled, "genre"]
        table = table.set_index(pd.Index(covers["cover_id"]))
    if metadata is not None:
        metadata = metadata.of(ids, covers["cover_id"].tolist())
    return Prepared(collection, covers, table, extractors, failures, pictures, metadata)


def _word_groups(covers: pd.DataFrame, table: FeatureTable) -> np.ndarray:
    """The covers' groups, joined by rare words."""
    read = pd.concat(table.texts, axis=1).fillna("").agg("\n".join, axis=1)
    groups = group_by_words(covers["group"].to_numpy(), read.tolist())
    before, after = covers["group"].nunique(), len(np.unique(groups))
    console.print(f"Rare words join {how_many(before, 'group')} of covers to {after:,}.", highlight=False)
    return group_numbers(least_covers(covers["cover_id"], groups))


def write_inputs(folder: Path, config: Config, prepared: Prepared, *notes: str) -> None:
    """Config, environment, collection facts with notes for readers, and all lists of what was left out."""
    write_config(config, folder / "config.yaml")
    write_json(folder / "environment.json", environment())
    collection, metadata = prepared.collection, prepared.metadata
    facts = {
        "note": " ".join(filter(None, [*notes, metadata.note() if metadata else ""])),
        "fingerprint": collection.fingerprint(),
        "covers": len(prepared.covers),
        "genres": genre_counts(prepared.covers),
        "groups": prepared.covers["group"].nunique(),
        "ceiling": conflict_ceiling(
            collection.conflicts.iloc[:0] if collection.labels == "many" else collection.conflicts,
            len(collection) + collection.counts["left_out"],
        ),
        "artists_known": int((prepared.covers["artist"] != "").sum()),
        "dropped": collection.counts,
        "extractors": {e.name: e.fingerprint() for e in prepared.extractors},
        "failures": len(prepared.failures),
    }
    if config.blocks is None:  # every block whose weights were here
        made = {extractor.name for extractor in prepared.extractors}
        facts["without"] = [name for name in extractor_names() if name not in made]
    if has_sets(prepared.covers):
        facts["several_genres"] = int((prepared.covers[GENRES_COLUMN].map(len) > 1).sum())
    if backs := [name for name in prepared.table.blocks if is_back(name)]:
        facts["backs"] = backs
    if metadata:
        facts["metadata"] = metadata.facts()
        metadata.write(folder)
    write_json(folder / "collection.json", facts)
    write_csv(collection.rejected, folder / "rejected.csv")
    write_csv(collection.conflicts, folder / "conflicts.csv")
    write_csv(failure_frame(prepared.failures), folder / "failures.csv")


def describe_extractor(extractor: Extractor) -> Made:
    """What a bundle needs to make the same extractor again."""
    from coverfusion.features.registry import parameters_of

    origin = origin_of(type(extractor))
    parameters = {key: getattr(extractor, key) for key in parameters_of(extractor.name)}
    made = Made(
        fingerprint=extractor.fingerprint(),
        preset=getattr(extractor, "preset", "packaged"),
        parameters=parameters,
    )
    if origin:
        made["origin"] = origin
    return made


def genre_counts(covers: pd.DataFrame) -> dict[str, int]:
    """Genre -> covers, the most first and equal ones by name."""
    counts = each_genre(covers)["genre"].value_counts().sort_index()
    ordered = counts.sort_values(ascending=False, kind="stable")
    return {str(genre): int(count) for genre, count in ordered.items()}
