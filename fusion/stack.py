"""Late fusion: several classifiers pooled by what they say of covers that they had not seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from coverfusion.data.sealed_files import read_sealed_array, write_sealed_array
from coverfusion.fusion.base import BlockClassifier, Rows, StartingNetwork
from coverfusion.fusion.cannot_learn import CannotLearnError
from coverfusion.fusion.categories import decoded, encoded_names, holds_strings
from coverfusion.fusion.grouped_folds import inner_folds
from coverfusion.fusion.listed_files import member_folder
from coverfusion.fusion.log_linear_pool import LogLinearPool
from coverfusion.fusion.log_probabilities import log_probabilities
from coverfusion.fusion.networks.picture_classifier import PictureClassifier
from coverfusion.fusion.pictures import COLUMN, Pictures
from coverfusion.fusion.registry import classifier_class, create, create_checked, parameters_of, register
from coverfusion.fusion.texts import Texts, is_text

PICTURE_STRIDE = 50  # each so manieth picture is looked at to tell collections apart


@register("stack")
class Stack(PictureClassifier):
    """Stacks classifiers: D. H. Wolpert, Stacked Generalization, Neural Networks 5, 1992.

    Each member is fitted on the training side of inner grouped folds and predicts the other side. On the
    logarithms of these out-of-fold probabilities a `LogLinearPool` learns how much to believe each member.
    The members are then fitted on all rows: a bundle holds each of them once, predicting costs what they
    cost, and a run that has fitted them already lends them (`fitted`), which the mean over the folds'
    members would not allow.

    Args:
        classifiers: registered names, or name -> parameters. Those that learn from pictures alone take part
            where X has the column `pixels.picture`.
        folds: inner folds.
        checkpoint_folder: where out-of-fold predictions and the members' own checkpoints are kept, so that a
            killed fit goes on; None: nowhere.
        random_state: seed of the folds, handed to every member that takes one.

    Attributes after `fit`, beside those of `BlockClassifier`:
        members_: name -> classifier fitted on all rows.
        pool_: the `LogLinearPool`; None for one fold, and where no two groups share a genre: the members'
            plain mean counts then.
        stacked_: codes of the genres that it knows, those with a cover in an inner test side.
    """

    pictures: ClassVar[Pictures] = Pictures.BESIDE
    reads_text: ClassVar[bool] = True
    own_files = (*PictureClassifier.own_files, "members_", "fitted")
    # members that were fitted on the same rows with the same parameters already
    fitted: Mapping[str, BlockClassifier] | None = None

    def __init__(
        self,
        *,
        classifiers: Sequence[str] | Mapping[str, Mapping[str, Any]] = (
            "kernel_ridge",
            "catboost",
            "svc",
            "finetune",
        ),
        folds: int = 5,
        checkpoint_folder: str | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.classifiers = classifiers
        self.folds = folds
        self.checkpoint_folder = checkpoint_folder
        self.random_state = random_state

    @property
    def weights_(self) -> pd.Series:
        """Member -> its weight in the pool: a lone member that is calibrated has 1."""
        check_is_fitted(self)
        members = len(self.members_)
        weights = np.full(members, 1 / members) if self.pool_ is None else self.pool_.weights_
        return pd.Series(weights, pd.Index(self.names_, name="member"), name="weight")

    def starting_networks(self) -> list[StartingNetwork]:
        """Of all members."""
        return [found for member in self.members_.values() for found in member.starting_networks()]

    def _fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        texts: Texts | None = None,
    ) -> None:
        members = self._chosen(texts or {})
        if not members:
            raise CannotLearnError(
                "stack has no member that can learn from these columns: name one in `classifiers`"
            )
        self.names_ = list(members)
        known = _Known(self._rows(X, texts or {}), self.classes_[y], weight, groups)
        proba = np.full((len(y), len(members), len(self.classes_)), np.nan)
        splits = inner_folds(y, groups, self.folds, self._seed())
        for number, (train, test) in enumerate(splits, 1):
            place = f"fold {number} of {len(splits)}"
            for position, (name, parameters) in enumerate(members.items()):
                proba[test, position] = self._out_of_fold(name, parameters, known, train, test, place)
        tested = ~np.isnan(proba[:, 0, 0])
        self.stacked_ = np.unique(y[tested])
        self.pool_ = None
        if len(self.stacked_) > 1:
            codes = np.searchsorted(self.stacked_, y[tested])
            self.pool_ = LogLinearPool().fit(self._logs(proba[tested]), codes, weight[tested])
        lent, every = self.fitted or {}, np.arange(len(y))
        for member in lent.values():
            member.answer_to(dict(zip(self.classes_, self.learnt_prior_, strict=True)))
        self.members_ = {
            name: lent.get(name) or self._fit_member(name, parameters, known, every, "all covers")
            for name, parameters in members.items()
        }

    def _probabilities(self, X: np.ndarray, texts: Texts | None = None) -> np.ndarray:
        rows = self._rows(X, texts or {})
        proba = np.stack([self.members_[n].predict_proba(_seen(n, rows)) for n in self.names_], axis=1)
        mean = proba.mean(axis=1)  # of a genre that the pool does not know, what members say
        if self.pool_ is not None:
            known = mean[:, self.stacked_].sum(axis=1, keepdims=True)
            mean[:, self.stacked_] = known * self.pool_(self._logs(proba))
        return mean

    def _logs(self, proba: np.ndarray) -> np.ndarray:
        """(members, n, genres that are pooled) log probabilities for (n, members, n_classes)."""
        return log_probabilities(proba[:, :, self.stacked_].transpose(1, 0, 2))

    def check_parameters(self) -> None:
        """Raises ValueError for values that `fit` would refuse, those of members too."""
        if self.folds < 1:
            raise ValueError(f"folds must be 1 or more, not {self.folds}")
        given = self.classifiers if isinstance(self.classifiers, Mapping) else dict.fromkeys(self.classifiers)
        for name, parameters in given.items():
            create_checked(name, **(parameters or {}))

    def _chosen(self, texts: Texts) -> dict[str, dict[str, Any]]:
        """Member -> parameters, without those that need pictures or text where there are none."""
        given = self.classifiers if isinstance(self.classifiers, Mapping) else dict.fromkeys(self.classifiers)
        chosen = {}
        for name, parameters in given.items():
            cls = classifier_class(name)
            if (cls.pictures is not Pictures.ONLY or self._pictures is not None) and (
                not cls.needs_text or texts
            ):
                seeded = {"random_state": self.random_state} if "random_state" in parameters_of(name) else {}
                chosen[name] = seeded | dict(parameters or {})
        return chosen

    def _rows(self, X: np.ndarray, texts: Texts) -> Rows:
        """Checked rows as the members take them: named where they had names, with their text and pictures."""
        names = [
            name for name in getattr(self, "feature_names_in_", ()) if name != COLUMN and not is_text(name)
        ]
        values = self._categories()
        names = encoded_names(names, values)
        if self._pictures is None and not texts:
            return decoded(pd.DataFrame(X, columns=names), values) if names else X
        rows = pd.DataFrame(X, columns=names) if names else pd.DataFrame(index=range(len(X)))
        rows = decoded(rows, values)
        beside: dict[str, list[Any]] = {**texts} | ({COLUMN: self._pictures} if self._pictures else {})
        cells = {name: pd.Series(known, index=rows.index, dtype=object) for name, known in beside.items()}
        return pd.concat([rows, pd.DataFrame(cells, index=rows.index)], axis=1)

    def _out_of_fold(
        self,
        name: str,
        parameters: dict[str, Any],
        known: _Known,
        train: np.ndarray,
        test: np.ndarray,
        place: str,
    ) -> np.ndarray:
        """(len(test), n_classes) probabilities by a member that learnt from `train`; kept on disk."""
        kept = self._folder(name, place, f"{known.digest(parameters, train, test)}.npy")
        if kept is not None and (known_proba := read_sealed_array(kept)) is not None:
            return known_proba
        member = self._fit_member(name, parameters, known, train, place)
        proba = member.predict_proba(_seen(name, known.row(test)))
        if kept is not None:
            write_sealed_array(kept, proba)
        return proba

    def _fit_member(
        self, name: str, parameters: dict[str, Any], known: _Known, rows: np.ndarray, place: str
    ) -> BlockClassifier:
        member = create(name, **parameters)
        if isinstance(member, PictureClassifier):
            folder = self._folder(name, place)
            member.set_params(checkpoint_folder=None if folder is None else str(folder))
            if watch := self.watch:
                member.watch = lambda what, *done: watch(f"{name}, {place}, {what}", *done)
        groups = None if known.groups is None else known.groups[rows]
        member.fit(_seen(name, known.row(rows)), known.y[rows], known.weight[rows], groups)
        member.answer_to(dict(zip(self.classes_, self.learnt_prior_, strict=True)))
        if isinstance(member, PictureClassifier):
            member.set_params(checkpoint_folder=None)
            member.watch = None
        return member

    def _folder(self, *parts: str) -> Path | None:
        return Path(self.checkpoint_folder, *parts) if self.checkpoint_folder else None

    def _save_parts(self, folder: Path) -> None:
        for name in self.names_:
            self.members_[name].save(folder / name)

    def _load_parts(self, folder: Path) -> None:
        self.members_ = {
            name: classifier_class(name).load(member_folder(folder, name)) for name in self.names_
        }


@dataclass(frozen=True)
class _Known:
    """What a stack learns from: n rows, labels, weights and groups."""

    rows: Rows
    y: np.ndarray
    weight: np.ndarray
    groups: np.ndarray | None

    def row(self, chosen: np.ndarray) -> Rows:
        """These rows."""
        return self.rows.iloc[chosen] if isinstance(self.rows, pd.DataFrame) else self.rows[chosen]

    def digest(self, parameters: dict[str, Any], train: np.ndarray, test: np.ndarray) -> str:
        """Of all that out-of-fold predictions depend on; of the pictures some are looked at."""
        digest = hashlib.sha256(json.dumps(parameters, sort_keys=True, default=str).encode())
        digest.update(json.dumps([self.y.tolist(), self.weight.tolist()], default=str).encode())
        if isinstance(self.rows, pd.DataFrame):
            named = [name for name in self.rows if holds_strings(name)]
            digest.update(json.dumps(self.rows[named].to_numpy().tolist()).encode())
        for numbers in (_numbers(_seen("", self.rows)), train, test, self.groups):
            digest.update(b"" if numbers is None else np.ascontiguousarray(numbers).tobytes())
        if isinstance(self.rows, pd.DataFrame) and COLUMN in self.rows:
            for picture in self.rows[COLUMN].iloc[::PICTURE_STRIDE]:
                digest.update(b"" if picture is None else picture.tobytes())
        return digest.hexdigest()[:16]


def _seen(name: str, rows: Rows) -> Rows:
    """The columns that a member learns from: pictures, the table ("" stands for that) or both."""
    if not isinstance(rows, pd.DataFrame):
        return rows
    pictures = classifier_class(name).pictures if name else Pictures.NONE
    if pictures is Pictures.ONLY:
        return rows[[COLUMN]]
    return rows if pictures is Pictures.BESIDE else rows.drop(columns=COLUMN, errors="ignore")


def _numbers(rows: Rows) -> np.ndarray:
    """(n, d) float32 of the rows, without their text and categories."""
    if isinstance(rows, pd.DataFrame):
        rows = rows[[name for name in rows if not holds_strings(name)]]
    return np.asarray(rows, np.float32)
