"""A finished run's covers and feature table, read again for studies that look further into it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NotRequired

from typing_extensions import TypedDict

from coverfusion.data.collection import Collection
from coverfusion.data.errors import UserError
from coverfusion.data.json_files import PlainName, read_json
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.config import read_config
from coverfusion.experiments.pipeline.metadata import kept_metadata
from coverfusion.experiments.pipeline.preparation import Prepared, open_collection, prepare
from coverfusion.features.named_files import check_named
from coverfusion.features.table import MetadataColumn


class _Block(TypedDict):
    block: PlainName
    column: str
    kind: str


class _Facts(TypedDict):
    """What `collection.json` says, as far as it is used here."""

    fingerprint: str
    extractors: dict[str, str]
    metadata: NotRequired[list[_Block]]


def is_table(folder: str | os.PathLike[str]) -> bool:
    """True for a table folder of `coverfusion extract`, False for a finished run folder of `train`.

    Raises:
        UserError: it is neither.
    """
    folder = Path(folder)
    if (folder / "table.json").is_file():
        return True
    if (folder / "report.html").is_file():
        return False
    raise UserError(
        f"{folder} is neither a finished run folder (`coverfusion train`) nor a table folder "
        f"(`coverfusion extract`)."
    )


def reopen(run: str | os.PathLike[str]) -> Prepared:
    """Reads the collection and the features that a run was made with; what the store lacks is computed.

    Args:
        run: a run folder that `coverfusion train` has written.

    Raises:
        UserError: not a finished run folder, or the collection or the extractors are not what they were.
    """
    run = finished_run(run)
    config = read_config(run / "config.yaml", run_plugins=False)
    facts = read_json(run / "collection.json", _Facts)
    blocks = {name: (config.blocks or {}).get(name, {}) for name in facts["extractors"]}
    for name, parameters in blocks.items():
        check_named(name, parameters, str(run))
    extractors = make_extractors(blocks, config.preset)
    for extractor in extractors:
        if extractor.fingerprint() != facts["extractors"][extractor.name]:
            raise UserError(
                f"Block '{extractor.name}' has other weights or another version than in {run}. Train again."
            )
    known = facts.get("metadata", [])
    blocks_of = {made["block"]: MetadataColumn(column=made["column"], kind=made["kind"]) for made in known}
    metadata = kept_metadata(run, blocks_of) if known else None
    return prepare(config, reopen_collection(run), extractors, metadata)


def reopen_collection(run: str | os.PathLike[str]) -> Collection:
    """Reads the collection that a run was made with, without any feature.

    Raises:
        UserError: not a finished run folder, or the collection is not what it was.
    """
    run = finished_run(run)
    config = read_config(run / "config.yaml", run_plugins=False)
    collection = open_collection(config)
    if collection.fingerprint() != read_json(run / "collection.json", _Facts)["fingerprint"]:
        raise UserError(f"{config.collection} has changed since {run} was made. Train again.")
    return collection


def finished_run(run: str | os.PathLike[str]) -> Path:
    """The folder; raises UserError where it is not a run that is finished."""
    if not (Path(run) / "report.html").is_file():
        raise UserError(f"{run} is not a finished run folder; `coverfusion train` makes one.")
    return Path(run)
