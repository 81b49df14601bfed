"""One classifier with many parameters, fitted and judged on covers that no test of a run has."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.splits import folds as number_folds
from coverfusion.data.splits import save_splits, split
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.cached_fits import (
    TRAINING,
    VALIDATION,
    CachedFits,
    Model,
    Part,
    all_blocks,
)
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.preparation import (
    open_collection,
    prepare,
    run_extractors,
    write_inputs,
)
from coverfusion.experiments.pipeline.provenance import digest, write_json
from coverfusion.features.registry import Extractor
from coverfusion.fusion.pictures import PIXELS
from coverfusion.fusion.registry import classifier_class, create


@dataclass(frozen=True)
class Candidates:
    """What a sweep and a search fit on.

    Attributes:
        folder: of the study.
        config: with the classifier and its other parameters alone.
        classifier: its name.
        blocks: that it sees.
        covers: those that are no test covers: `cover_id`, `genre`, `group`.
        parts: each predicts its `training` and its `validation` covers.
        fits: where predictions are kept, by a digest of the parameters.
        parameters: of each fit's classifier by name; `fits` reads it.
    """

    folder: Path
    config: Config
    classifier: str
    blocks: tuple[str, ...]
    covers: pd.DataFrame
    parts: list[Part]
    fits: CachedFits
    parameters: dict[str, dict[str, Any]]

    @property
    def base(self) -> dict[str, Any]:
        """The parameters that stay."""
        return dict((self.config.classifiers or {})[self.classifier])

    def model(self, changed: Mapping[str, Any]) -> Model:
        """The classifier with these parameters changed."""
        name = f"{self.classifier.partition(':')[0]}:{digest([self.base, dict(changed)])}"
        self.parameters[name] = self.base | dict(changed)
        return Model(name, self.blocks)


def open_candidates(
    kind: str,
    config: Config,
    classifier: str,
    changed: Mapping[str, Any],
    study: Mapping[str, Any],
    fresh: bool = False,
) -> Candidates:
    """Reads the collection, fills the blocks and makes the folder `<kind>-<collection>-<digest>`.

    Args:
        kind: "sweep" or "search".
        config: as for `train`. With folds they are grouped folds of the covers that an 8:1:1 split with the
            same seed has for training and validation; without, that split's two parts. Its test covers are
            left alone either way.
        classifier: one name; its parameters in the config are the others' values.
        changed: parameter -> some value, of what the study changes.
        study: what tells this study from others on the same covers; written as `study.json`.
        fresh: forget an earlier study with the same digest.

    Raises:
        UserError: as `experiments.training.train.train`; too few covers for the split.
    """
    base = {k: v for k, v in (config.classifiers or {}).get(classifier, {}).items() if k not in changed}
    create(classifier, **base | dict(changed))
    config = config.model_copy(update={"classifiers": {classifier: base}, "alone": []})
    extractors = _extractors(config, classifier)
    collection = open_collection(config)
    asked = config.model_dump(mode="json", exclude={"store", "out", "collection"})
    facts = [metadata.version("coverfusion"), asked, dict(study), collection.fingerprint()]
    key = digest([*facts, [extractor.fingerprint() for extractor in extractors]])
    folder = config.out / f"{kind}-{config.collection.stem}-{key}"
    if fresh and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    prepared = prepare(config, collection, extractors)
    covers, parts = candidate_parts(prepared.covers, config, folder)
    write_inputs(folder, config, prepared, "")
    write_json(folder / "study.json", dict(study))
    table = prepared.table.frame() if prepared.table.blocks else pd.DataFrame(index=covers["cover_id"])
    parameters: dict[str, dict[str, Any]] = {}
    fits = CachedFits(
        folder / "fits", table, prepared.covers, parameters, config.seed, keep_models=False,
        pictures=prepared.pictures,
    )  # fmt: skip
    fits.folder.mkdir(exist_ok=True)
    blocks = all_blocks(classifier, tuple(prepared.table.blocks))
    return Candidates(folder, config, classifier, blocks, covers, parts, fits, parameters)


def candidate_parts(covers: pd.DataFrame, config: Config, folder: Path) -> tuple[pd.DataFrame, list[Part]]:
    """The covers that are no test covers, and parts of them; saved as `splits.parquet`."""
    names = split(covers, config.seed)
    known = covers[covers["cover_id"].map(names) != "test"]
    if config.folds is None:
        ids = {name: names.index[names == name].tolist() for name in ("train", "validation")}
        if not ids["validation"]:
            raise UserError(
                f"{config.collection} has too few covers that differ for an 8:1:1 split: nothing is left for "
                f"validation. Add covers, or use --folds."
            )
        save_splits(names.to_frame("split"), folder / "splits.parquet")
        held = {TRAINING: ids["train"], VALIDATION: ids["validation"]}
        return known, [Part("split", ids["train"], held)]
    numbers = number_folds(known, config.folds, 1, config.seed).iloc[:, 0]
    save_splits(numbers.to_frame("fold"), folder / "splits.parquet")
    parts = []
    for number in sorted(numbers.unique()):
        train, held_out = (numbers.index[numbers.eq(number) == side].tolist() for side in (False, True))
        parts.append(Part(f"fold-{number}", train, {TRAINING: train, VALIDATION: held_out}))
    return known, parts


def _extractors(config: Config, classifier: str) -> list[Extractor]:
    """Of a classifier of pictures alone nothing else is computed."""
    if classifier_class(classifier).pictures == "only":
        return make_extractors({PIXELS: (config.blocks or {}).get(PIXELS, {})}, config.preset)
    return run_extractors(config, [classifier])
