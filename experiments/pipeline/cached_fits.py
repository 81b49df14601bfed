"""Fits of a run: each (classifier, blocks, part) once, its predictions kept so that a killed run goes on."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoostError
from sklearn.utils._param_validation import InvalidParameterError
from threadpoolctl import threadpool_limits

from coverfusion.data.checksums import SUMS_FILE, damaged_file, files_below, write_sums
from coverfusion.data.errors import UserError
from coverfusion.data.genre_sets import has_sets, labels_of
from coverfusion.data.machine_faults import stop_at_machine_fault
from coverfusion.data.registry import origin_of
from coverfusion.data.sealed_files import set_aside
from coverfusion.experiments.pipeline.block_sets import columns_of
from coverfusion.features.decoded import Decoded
from coverfusion.features.registry import reads_text
from coverfusion.features.table import TEXT_KINDS
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.cannot_learn import CannotLearnError
from coverfusion.fusion.networks.picture_classifier import PictureClassifier
from coverfusion.fusion.pictures import COLUMN, PIXELS, Pictures
from coverfusion.fusion.prior import Prior, prior_shares
from coverfusion.fusion.registry import classifier_class, create, parameters_of
from coverfusion.fusion.several_genres import SeveralGenres
from coverfusion.fusion.stack import Stack

MAX_NAME_LENGTH = 150  # letters of a model's blocks in a file name


TRAINING, VALIDATION = "training", "validation"  # kinds of covers


def reason_of(error: Exception) -> str:
    """The first line of a message, without the place in its source that CatBoost begins with."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"^\S+\.(cpp|h):\d+: ", "", line).rstrip(".")


def cannot_fit(cls: type[BlockClassifier]) -> tuple[type[Exception], ...]:
    """What a classifier raises where covers or parameters will not do; anything else is a mistake in it."""
    known = (CannotLearnError, CatBoostError, InvalidParameterError, np.linalg.LinAlgError)
    # a class of somebody else's need not know `CannotLearnError`
    return (*known, ValueError) if origin_of(cls) else known


Fitted = BlockClassifier | SeveralGenres


class CannotFitError(UserError):
    """A classifier finds nothing to learn from in these covers and blocks; others may."""


@dataclass(frozen=True)
class Model:
    """One row of the leaderboard: a classifier on some blocks, or parts of blocks (`pipeline.block_sets`)."""

    classifier: str
    blocks: tuple[str, ...]

    @property
    def name(self) -> str:
        """Short and fit for a file name."""
        blocks = "+".join(self.blocks)
        if len(blocks) > MAX_NAME_LENGTH:
            blocks = f"{len(self.blocks)} units {hashlib.sha256(blocks.encode()).hexdigest()[:16]}"
        return f"{self.classifier} on {blocks}"


@dataclass(frozen=True)
class Part:
    """One fit's covers: learnt from `train`, predicted for each set in `predicted`."""

    name: str
    train: list[str]
    predicted: dict[str, list[str]]


def models_of(classifiers: Sequence[str], alone: Sequence[str], blocks: Sequence[str]) -> list[Model]:
    """All classifiers on all blocks (those made of others last), then the chosen ones on each block alone."""
    ordered = sorted(classifiers, key=lambda name: "classifiers" in parameters_of(name))
    fused = [Model(name, all_blocks(name, blocks)) for name in ordered]
    single = [
        Model(name, (block,))
        for name in alone
        for block in blocks
        if len(blocks) > 1 and (not classifier_class(name).needs_text or reads_text(block))
    ]
    return fused + single


def all_blocks(classifier: str, blocks: Sequence[str]) -> tuple[str, ...]:
    """What a classifier sees of a collection with these blocks: the pictures themselves where it can.

    One that learns from text alone sees what `ocr` and its like have read.
    """
    if classifier_class(classifier).needs_text:
        return tuple(f"{name}:{kind}" for name in blocks if reads_text(name) for kind in TEXT_KINDS)
    takes = classifier_class(classifier).pictures
    table = () if takes is Pictures.ONLY else tuple(blocks)
    return table if takes is Pictures.NONE else (*table, PIXELS)


class CachedFits:
    """Fits and their predictions under one folder.

    Args:
        folder: where predictions and fitted models are kept.
        frame: all covers' features by cover_id, columns named `block.column`.
        covers: frame with `cover_id`, `genre`, `group`.
        parameters: classifier -> its parameters.
        seed: `random_state` of each classifier that takes one.
        keep_models: whether the fitted classifiers are kept beside their predictions.
        pictures: decoded covers, for the classifiers that learn from them.
        watch: called by long fits with what is going on, covers done, and covers in all.
        prior: that all probabilities answer to (`fusion.prior`).
    """

    def __init__(
        self,
        folder: Path,
        frame: pd.DataFrame,
        covers: pd.DataFrame,
        parameters: Mapping[str, Mapping[str, Any]],
        seed: int,
        keep_models: bool = True,
        pictures: Decoded | None = None,
        watch: Callable[[str, int, int], None] | None = None,
        prior: Prior = "natural",
    ) -> None:
        self.folder = folder
        self.frame = frame
        self.covers = covers.set_index("cover_id")
        self.parameters = parameters
        self.seed = seed
        self.keep_models = keep_models
        self.pictures = pictures
        self.watch = watch
        self.prior = prior
        self.stop: Callable[[int, dict[str, float]], bool] | None = None
        self.sets = has_sets(covers)
        self.labels = labels_of(self.covers)
        self.columns: dict[str, list[str]] = {}
        for name in frame.columns:
            block, _, column = name.partition(".")
            self.columns.setdefault(block, []).append(column)

    def predictions(self, model: Model, part: Part) -> pd.DataFrame:
        """Probabilities `p_<genre>` by cover_id, with the columns `split` and `genre`; fitted if not kept."""
        place = self._place(model, part)
        kept = place / "predictions.parquet"
        self._set_aside_damaged(place)
        if not self.kept(model, part):
            started = time.perf_counter()
            classifier = self.fit(model, part)
            seconds = time.perf_counter() - started
            frames = [self._predict(classifier, model, split, ids) for split, ids in part.predicted.items()]
            place.mkdir(parents=True, exist_ok=True)
            if self.keep_models:
                classifier.save(place / "model")
            (place / "fit.json").write_text(json.dumps({"seconds": seconds}))
            pd.concat(frames).to_parquet(kept)
            models = [f"model/{name}" for name in files_below(place / "model")]
            write_sums(place, [kept.name, "fit.json", *models])  # last: where it is there all is
            for checkpoint in self.training(model, part).rglob("checkpoint.pt"):
                checkpoint.unlink()  # tens of megabytes that only a stopped fit needs
        return pd.read_parquet(kept)

    def kept(self, model: Model, part: Part) -> bool:
        """Whether that fit is done already."""
        return (self._place(model, part) / SUMS_FILE).is_file()

    def seconds(self, model: Model, part: Part) -> float:
        """How long that fit took."""
        return float(json.loads((self._place(model, part) / "fit.json").read_text())["seconds"])

    def fitted(self, model: Model, part: Part) -> Fitted:
        """The classifier of a fit that is kept; fitted anew where it was damaged meanwhile."""
        if self._set_aside_damaged(self._place(model, part)):
            self.predictions(model, part)
        folder, cls = self._place(model, part) / "model", classifier_class(model.classifier)
        return SeveralGenres.load(folder, cls.name) if self.sets else cls.load(folder)

    def training(self, model: Model, part: Part) -> Path:
        """Where a long fit keeps its checkpoints, and its curves as `history.csv`."""
        return self._place(model, part) / "training"

    def fit(self, model: Model, part: Part) -> Fitted:
        """Fits on the part's training covers; what is made of others takes them from their own fits.

        Raises:
            CannotFitError: the classifier finds nothing to learn from, such as constant features alone.
        """
        cls = classifier_class(model.classifier)
        parameters = dict(self.parameters.get(model.classifier, {}))
        if hasattr(cls, "of") and not parameters and not self.sets:
            members = [Model(name, model.blocks) for name in create(model.classifier).classifiers]
            if self.keep_models and all(self.kept(member, part) for member in members):
                return cls.of({member.classifier: self.fitted(member, part) for member in members})
        classifier = create(model.classifier, **parameters)
        if "random_state" in classifier.get_params(deep=False):
            classifier.set_params(random_state=parameters.get("random_state", self.seed))
        X, covers = self._rows(model, part.train)
        if isinstance(classifier, PictureClassifier):
            classifier.watch, classifier.stop = self.watch, self.stop
            classifier.set_params(checkpoint_folder=str(self.training(model, part)))
        if isinstance(classifier, Stack):
            self._lend(classifier, model, part)
        made: Fitted = classifier
        labels, groups = self.labels.loc[part.train], covers["group"].tolist()
        try:
            if isinstance(labels, pd.DataFrame):
                with self._threads():
                    made = SeveralGenres(classifier).fit(X, labels, groups=groups)
            else:
                classifier.fit(X, labels.tolist(), groups=groups)
        except cannot_fit(cls) as error:
            stop_at_machine_fault(error, model.name)
            raise CannotFitError(f"{model.name}, {part.name}: {reason_of(error)}") from error
        if isinstance(classifier, PictureClassifier):
            classifier.watch = classifier.stop = None
            classifier.set_params(checkpoint_folder=None)
        if isinstance(made, SeveralGenres):
            return made
        # copies that a genre was given to be learnt more of do not make it more common
        genres = self.covers.loc[list(dict.fromkeys(part.train)), "genre"]
        return classifier.answer_to(prior_shares(self.prior, genres))

    def _lend(self, stack: Stack, model: Model, part: Part) -> None:
        """Members named without parameters are those of the run; what is fitted is not fitted again."""
        if isinstance(stack.classifiers, Mapping):
            return
        stack.set_params(
            classifiers={name: dict(self.parameters.get(name, {})) for name in stack.classifiers}
        )
        blocks = [block for block in model.blocks if block != PIXELS]
        members = {name: Model(name, all_blocks(name, blocks)) for name in stack.classifiers}
        kept = {name: m for name, m in members.items() if self.keep_models and self.kept(m, part)}
        stack.fitted = {name: self.fitted(member, part) for name, member in kept.items()}

    def _rows(self, model: Model, ids: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        units = [unit for unit in model.blocks if unit != PIXELS]
        X = self.frame.loc[ids, [column for unit in units for column in columns_of(unit, self.columns)]]
        if PIXELS in model.blocks:
            if self.pictures is None:
                raise UserError(f"{model.name} needs the block '{PIXELS}', which this run does not have.")
            X = X.assign(**{COLUMN: self.pictures.column(ids)})
        return X, self.covers.loc[ids]

    def _predict(self, classifier: Fitted, model: Model, split: str, ids: list[str]) -> pd.DataFrame:
        X, covers = self._rows(model, ids)
        with self._threads():
            proba = np.asarray(classifier.predict_proba(X))
        columns = [f"p_{genre}" for genre in classifier.classes_]
        frame = pd.DataFrame(proba, index=pd.Index(ids, name="cover_id"), columns=columns)
        return frame.assign(split=split, genre=covers["genre"])

    def _threads(self) -> AbstractContextManager[Any]:
        """One thread for linear algebra where covers may have several genres, as `ablate` has it.

        Solvers stop early, and the rounding of more threads moves probabilities past thresholds.
        """
        return threadpool_limits(1, user_api="blas") if self.sets else nullcontext()

    def _set_aside_damaged(self, place: Path) -> bool:
        """Sets a fit aside of which a file is not what was written; whether it did."""
        name = damaged_file(place)
        if name is not None:
            set_aside(place, name)
        return name is not None

    def _place(self, model: Model, part: Part) -> Path:
        return self.folder / part.name / model.name
