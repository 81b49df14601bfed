"""One classifier with many parameters, fitted and judged on covers that no test of a run has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.genre_sets import has_sets
from coverfusion.data.splits import SPLIT_COLUMN, save_splits
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.cached_fits import (
    TRAINING,
    VALIDATION,
    CachedFits,
    Model,
    Part,
    all_blocks,
)
from coverfusion.experiments.pipeline.chosen_splits import chosen_split
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.genre_thresholds import with_named
from coverfusion.experiments.pipeline.guess import largest_genre
from coverfusion.experiments.pipeline.parts import check_parts, fold_ids, say_untested, split_ids
from coverfusion.experiments.pipeline.preparation import run_extractors, write_inputs
from coverfusion.experiments.pipeline.provenance import digest, write_json
from coverfusion.experiments.pipeline.study import open_study_folder
from coverfusion.experiments.pipeline.unequal_genres import say_unequal
from coverfusion.features.registry import Extractor
from coverfusion.fusion.pictures import PIXELS, Pictures
from coverfusion.fusion.registry import classifier_class, create

SPLIT_FILE = "splits.parquet"  # in the folder of a study: which covers no candidate has seen


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

    def predictions(self, model: Model) -> list[pd.DataFrame]:
        """What a model says of each part's covers; of covers of several genres with what they are called."""
        frames = [self.fits.predictions(model, part) for part in self.parts]
        if not self.fits.sets:
            return frames
        return with_named(frames, self.fits.covers["group"], self.config.seed, VALIDATION)

    def model(self, changed: Mapping[str, Any]) -> Model:
        """The classifier with these parameters changed."""
        name = f"{self.classifier.partition(':')[0]}:{digest([self.base, dict(changed)])}"
        self.parameters[name] = self.base | dict(changed)
        return Model(name, self.blocks)


@contextmanager
def open_candidates(
    kind: str,
    config: Config,
    classifier: str,
    changed: Mapping[str, Any],
    study: Mapping[str, Any],
    fresh: bool = False,
) -> Iterator[Candidates]:
    """Reads the collection, fills the blocks and makes the folder `<kind>-<collection>-<digest>`.

    Args:
        kind: "sweep" or "search".
        config: as for `train`. With folds they are grouped folds of the covers that an 8:1:1 split with the
            same seed (or the `split_file`) has for training and validation; without, that split's two parts.
            Its test covers are left alone either way.
        classifier: one name; its parameters in the config are the others' values.
        changed: parameter -> some value, of what the study changes.
        study: what tells this study from others on the same covers; written as `study.json`,
            with the training covers' most frequent genre as `usual`, whether others are as frequent as
            `level_with`, and the accuracy of always saying it as `chance`.
        fresh: forget an earlier study with the same digest.

    Raises:
        UserError: as `experiments.training.train.train`; too few covers for the split.
    """
    base = {k: v for k, v in (config.classifiers or {}).get(classifier, {}).items() if k not in changed}
    create(classifier, **base | dict(changed))
    config = config.model_copy(update={"classifiers": {classifier: base}, "alone": []})
    extractors = _extractors(config, classifier)

    def check(covers: pd.DataFrame) -> None:
        check_parts(_no_test_covers(covers, config) if config.folds else covers, config, ("validation",))

    with open_study_folder(kind, config, extractors, [dict(study)], fresh=fresh, check=check) as opened:
        prepared = opened.prepare()
        covers, parts = candidate_parts(prepared.covers, config, opened.path)
        untested = say_untested(covers, parts, config, [VALIDATION])
        write_inputs(opened.path, config, prepared, untested, say_unequal(covers, config))
        write_json(opened.path / "study.json", dict(study) | _chance(covers, parts))
        parameters: dict[str, dict[str, Any]] = {}
        fits = opened.fits(prepared, parameters)
        blocks = all_blocks(classifier, tuple(prepared.learnable_columns()))
        yield Candidates(opened.path, config, classifier, blocks, covers, parts, fits, parameters)


def candidate_parts(covers: pd.DataFrame, config: Config, folder: Path) -> tuple[pd.DataFrame, list[Part]]:
    """The covers that are no test covers, and parts of them.

    The split with its test covers is saved as `splits.parquet`, and the folds of the others as
    `folds.parquet`.
    """
    known = _no_test_covers(covers, config, say=config.folds is not None)
    if config.folds is None:
        ids = split_ids(covers, config, folder, ("validation",))
        by_name = {"split": (ids["train"], ids["validation"])}
    else:
        save_splits(chosen_split(covers, config).to_frame(SPLIT_COLUMN), folder / SPLIT_FILE)
        by_name = fold_ids(known, config, folder / "folds.parquet")
    return known, [
        Part(name, train, {TRAINING: train, VALIDATION: held_out})
        for name, (train, held_out) in by_name.items()
    ]


def _no_test_covers(covers: pd.DataFrame, config: Config, say: bool = False) -> pd.DataFrame:
    return covers[covers["cover_id"].map(chosen_split(covers, config, say)) != "test"]


def _chance(covers: pd.DataFrame, parts: list[Part]) -> dict[str, Any]:
    """The most frequent genre that the parts learn from, and the accuracy of always saying it."""
    if has_sets(covers):
        return {}
    genre = covers.set_index("cover_id")["genre"]
    counts = genre[genre.index.isin([cover for part in parts for cover in part.train])].value_counts()
    named, level_with = largest_genre(counts.to_dict()), bool((counts == counts.max()).sum() > 1)
    held_out = [cover for part in parts for cover in part.predicted[VALIDATION]]
    return {"usual": named, "level_with": level_with, "chance": float((genre[held_out] == named).mean())}


def _extractors(config: Config, classifier: str) -> list[Extractor]:
    """Of a classifier of pictures alone nothing else is computed."""
    if classifier_class(classifier).pictures is Pictures.ONLY:
        return make_extractors({PIXELS: (config.blocks or {}).get(PIXELS, {})}, config.preset)
    return run_extractors(config, [classifier])
