"""Covers of several sources as one collection, so that what lies in two of them is seen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.data.addresses import is_address
from coverfusion.data.collection import Collection
from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.manifest import manifest_sources
from coverfusion.data.sources import list_entries
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.preparation import open_collection

JOINED_COLUMNS = ["path", "genre", "artist", "group", "source"]


@dataclass(frozen=True)
class Pooled:
    """Covers of several sources.

    Attributes:
        rows: path, genre, artist, group and source of each cover.
        left_out: reason -> number of covers that are in neither training nor test.
    """

    rows: pd.DataFrame
    left_out: dict[str, int]


def pool_collections(
    collections: Sequence[Collection], names: Sequence[str], genres: Mapping[str, str], common: Sequence[str]
) -> Pooled:
    """The covers of several collections whose genre all have.

    Args:
        collections: one a source.
        names: of the sources.
        genres: genre -> its new name.
        common: the new names that all collections have.
    """
    frames, left_out = [], {}
    for collection, name in zip(collections, names, strict=True):
        frame = collection.frame
        renamed = frame["genre"].map(lambda genre: genres.get(genre, genre))
        kept = renamed.isin(common)
        if not kept.all():
            lacking = ", ".join(sorted(set(frame.loc[~kept, "genre"])))
            left_out[f"of {name}, whose genre has no partner ({lacking})"] = int((~kept).sum())
        own = frame.assign(
            path=frame["path"].map(_whole),
            genre=renamed,
            group=name + ":" + frame["group"].astype(str),
            source=name,
        )
        frames.append(own.loc[kept, JOINED_COLUMNS])
    return Pooled(pd.concat(frames, ignore_index=True), left_out)


def pool_sources(collection: Collection) -> Pooled:
    """The covers of one collection by the column `source` of its manifest.

    Raises:
        UserError: it is no manifest, or as `manifest_sources`.
    """
    if collection.source.suffix.lower() not in (".csv", ".parquet"):
        raise UserError(
            f"{collection.source} is one collection. Name a second one to test on, or a manifest with a "
            f"column 'source'."
        )
    sources = manifest_sources(collection.source)
    by_path = dict(zip((entry.path for entry in list_entries(collection.source)), sources, strict=True))
    frame = collection.frame
    rows = frame.assign(
        source=frame["path"].map(by_path),
        path=frame["path"].map(_whole),
        group="all:" + frame["group"].astype(str),
    )
    return Pooled(rows[JOINED_COLUMNS], {})


def read_pooled(pooled: Pooled, manifest: Path, config: Config) -> tuple[Collection, Config]:
    """The rows as one collection, in which near duplicates and artists of all sources are grouped.

    Args:
        pooled: the covers.
        manifest: where their manifest is written; it can be inspected or trained on as any other.
        config: of the study.

    Returns:
        The collection, and the config that reads it.
    """
    write_csv(pooled.rows, manifest)
    changes = {"collection": manifest, "keep": "all", "genres": None}
    joined = config.model_copy(update=changes)
    return open_collection(joined), joined


def sources_of(covers: pd.DataFrame, pooled: Pooled) -> np.ndarray:
    """(n,) source of each cover of the pooled collection, by path and genre."""
    keys = pd.MultiIndex.from_frame(pooled.rows[["path", "genre"]])
    by_key = pd.Series(pooled.rows["source"].to_numpy(), keys)
    by_key = by_key[~by_key.index.duplicated()]
    return by_key.loc[pd.MultiIndex.from_frame(covers[["path", "genre"]])].to_numpy()


def in_both(covers: pd.DataFrame, learnt: np.ndarray) -> np.ndarray:
    """(n,) bool: covers that are not learnt from, but share a group with one that is.

    Args:
        covers: n rows with `group`.
        learnt: (n,) bool.
    """
    return ~learnt & covers["group"].isin(set(covers.loc[learnt, "group"])).to_numpy()


def _whole(path: str) -> str:
    """A path that is the same from any folder."""
    return path if is_address(path) else os.path.abspath(path)  # noqa: PTH100 - a link keeps its own name
