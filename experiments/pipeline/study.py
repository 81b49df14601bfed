"""The folder of a study: its name tells what was asked, so the same study goes on where it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.collection import Collection
from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import each_genre, genre_names
from coverfusion.data.outputs import make_output_folder
from coverfusion.experiments.pipeline.cached_fits import CachedFits
from coverfusion.experiments.pipeline.chosen_splits import holds_folds
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.console import console
from coverfusion.experiments.pipeline.metadata import Metadata, read_chosen
from coverfusion.experiments.pipeline.outputs import check_folder, left_out_if_refused, one_writer
from coverfusion.experiments.pipeline.preparation import (
    Prepared,
    open_collection,
    prepare,
    say_several_genres,
)
from coverfusion.experiments.pipeline.provenance import digest
from coverfusion.features.registry import Extractor
from coverfusion.fusion.prior import check_prior

KEY_FILE = ".digest"  # in the folder; its name may be the user's
DEFAULT_FOLDS = 5  # of a study that needs folds and names none


def with_folds(config: Config) -> Config:
    """The config of a study that needs folds: 5 where it names none, and no file that holds some."""
    if config.folds is None and not holds_folds(config):
        return config.model_copy(update={"folds": DEFAULT_FOLDS})
    return config


@dataclass(frozen=True)
class StudyFolder:
    """A study that has a name and its covers, but no features and no fits yet.

    Attributes:
        path: the folder.
        config: what is done.
        collection: on what.
        extractors: of the blocks.
        page: written last, so where it is there the study is finished.
        key: the digest that tells it from others.
        metadata: columns of the manifest that are blocks.
    """

    path: Path
    config: Config
    collection: Collection
    extractors: list[Extractor]
    page: str
    key: str
    metadata: Metadata | None = None

    def is_finished(self) -> bool:
        """Whether all was done before; then it says so on the console."""
        finished = (self.path / self.page).is_file()
        if finished:
            console.print(f"This is finished already; --fresh does it again: {self.path}", style="yellow")
        return finished

    def prepare(self) -> Prepared:
        """Makes the folder, fills the feature table, and says what is odd about the metadata."""
        make_output_folder(self.path)
        (self.path / KEY_FILE).write_text(self.key, encoding="utf-8")
        prepared = prepare(self.config, self.collection, self.extractors, self.metadata)
        if prepared.metadata is None:
            return prepared
        metadata = prepared.metadata.judged(prepared.covers)
        metadata.say()
        return replace(prepared, metadata=metadata)

    def fits(
        self,
        prepared: Prepared,
        parameters: Mapping[str, Mapping[str, Any]],
        keep_models: bool = False,
        kind: str = "",
    ) -> CachedFits:
        """Where the study's fits and their predictions are kept.

        Args:
            prepared: covers and features.
            parameters: classifier -> its parameters.
            keep_models: whether the fitted classifiers stay too.
            kind: of fits, where a study has several with other parameters.
        """
        folder = self.path / "fits" / kind
        folder.mkdir(parents=True, exist_ok=True)
        seed, pictures = self.config.seed, prepared.pictures
        return CachedFits(
            folder,
            prepared.learnable(),
            prepared.covers,
            parameters,
            seed,
            keep_models,
            pictures,
            prior=self.config.prior,
        )

    def remove_fits(self) -> None:
        """Takes away what only a stopped study needs."""
        shutil.rmtree(self.path / "fits")


@contextmanager
def open_study_folder(
    kind: str,
    config: Config,
    extractors: list[Extractor],
    asked: Sequence[object] = (),
    page: str = "index.html",
    fresh: bool = False,
    check: Callable[[pd.DataFrame], object] | None = None,
) -> Iterator[StudyFolder]:
    """Reads the collection and names the folder, `<kind>-<collection>-<digest>`, or as the config has it.

    The digest is of the config, the collection, the extractors and what else was asked. Where another
    process does the same study, this one waits and then finds it finished, or goes on where that one stopped.

    Args:
        kind: of study; "" for a run.
        config: what is done; where store, output and collection lie does not count.
        extractors: of the blocks.
        asked: what tells this study from others with the same config; any JSON values.
        page: that is written last.
        fresh: forget an earlier study with the same digest.
        check: called with the covers before any feature is made; raises UserError where they will not do.

    Raises:
        UserError: as `open_collection`, `read_chosen` and `check`; all covers are of one genre, or nothing
            can be written where the folder would be; the name is that of another result.
    """
    check_folder(config.out)
    collection = open_collection(config)
    say_several_genres(collection)
    if len(genres := genre_names(collection.frame)) < 2:
        raise UserError(
            f"{config.collection}: all {len(collection)} covers are of the genre '{genres[0]}'. "
            f"A classifier needs two genres: add covers of another."
        )
    check_prior(config.prior, each_genre(collection.frame)["genre"])
    if check:
        check(collection.frame)
    wanted, known = config.identity(), None
    facts = [metadata.version("coverfusion"), wanted, *asked, collection.fingerprint()]
    if config.metadata is not None:
        known = read_chosen(config.metadata, collection)
        facts.append(known.digest())
    key = digest([*facts, [extractor.fingerprint() for extractor in extractors]])
    own_name = None if kind else config.name  # which a run alone has
    path = config.out / (own_name or "-".join(filter(None, [kind, config.collection_name, key])))
    if own_name:
        _check_free(path, key)
    # beside the folder, which `fresh` removes
    with one_writer(path.with_name(f".{path.name}.lock"), path):
        if fresh and path.exists():
            shutil.rmtree(path)
        with left_out_if_refused(path):
            yield StudyFolder(path, config, collection, extractors, page, key, known)


def _check_free(path: Path, key: str) -> None:
    """Raises UserError where another result lies in the folder that a run is to be called by."""
    file = path / KEY_FILE
    same = file.is_file() and file.read_text(encoding="utf-8") == key
    if path.exists() and not same and (not path.is_dir() or any(path.iterdir())):
        raise UserError(
            f"--name {path.name}: {path} is there already and holds something else. Name another."
        )
