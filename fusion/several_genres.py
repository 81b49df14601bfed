"""A classifier for covers of several genres: each genre gets a probability of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from coverfusion.fusion.base import BlockClassifier, Rows, StartingNetwork
from coverfusion.fusion.networks.picture_classifier import PictureClassifier
from coverfusion.fusion.registry import classifier_class
from coverfusion.fusion.state_files import read_state, write_state

WHOLE = -1  # the number of a fit for all genres


class SeveralGenres(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """One fit where the classifier can learn several genres of a cover (`many`), else one against the rest.

    One against the rest: for each genre the classifier is fitted on whether a cover has it.

    Probabilities of a cover need not sum to 1. A genre that all training covers have, or none, gets its
    proportion for every cover. It is scikit-learn's `OneVsRestClassifier` for frames of blocks with text,
    groups and bundles.

    Args:
        classifier: an unfitted classifier of the registry.

    Attributes after `fit`:
        classes_: (k,) genres, in the order of the columns of Y.
        prior_: (k,) proportion of the training covers that have each.
        members_: number of a genre -> fitted classifier of whether a cover has it; `WHOLE` -> one of all.
    """

    def __init__(self, classifier: BlockClassifier) -> None:
        self.classifier = classifier

    @property
    def name(self) -> str:
        """Of the classifier in the registry."""
        return self.classifier.name

    def fit(self, X: Rows, Y: pd.DataFrame, sample_weight: Any = None, groups: Any = None) -> Self:
        """Learns from covers and their genres.

        Args:
            X: as for `BlockClassifier.fit`.
            Y: (n, k) bool frame, a column a genre.
            sample_weight: (n,) weights.
            groups: (n,) covers that no inner split may separate.

        Raises:
            CannotLearnError, ValueError: as `BlockClassifier.fit`.
        """
        has = np.asarray(Y, bool)
        self.classes_ = np.asarray(list(Y.columns), dtype=object)
        self.prior_ = has.mean(axis=0)
        if self.classifier.many:
            self.members_ = {WHOLE: self._fitted(X, Y, sample_weight, groups)}
            return self._seen(X)
        self.members_ = {
            code: self._fitted(X, has[:, code].astype(int), sample_weight, groups)
            for code in range(has.shape[1])
            if 0 < self.prior_[code] < 1
        }
        return self._seen(X)

    def _fitted(self, X: Rows, y: Any, sample_weight: Any, groups: Any) -> BlockClassifier:
        """A copy of the classifier, fitted; a long fit is watched, stopped and kept as the original would."""
        member = clone(self.classifier)
        if not isinstance(member, PictureClassifier):
            return member.fit(X, y, sample_weight, groups)
        member.watch, member.stop = self.classifier.watch, self.classifier.stop
        member.fit(X, y, sample_weight, groups)
        member.watch = member.stop = None
        if "checkpoint_folder" in member.get_params(deep=False):
            member.set_params(checkpoint_folder=None)
        return member

    def _seen(self, X: Rows) -> Self:
        self.n_features_in_ = X.shape[1]
        if isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def predict_proba(self, X: Rows) -> np.ndarray:
        """(n, k) float64: the probability of each genre, columns in the order of `classes_`."""
        check_is_fitted(self, "members_")
        if WHOLE in self.members_:
            return self.members_[WHOLE].predict_proba(X)
        made = np.tile(self.prior_.astype(np.float64), (len(X), 1))
        for code, member in self.members_.items():
            made[:, code] = member.predict_proba(X)[:, 1]
        return made

    def starting_networks(self) -> list[StartingNetwork]:
        """The pretrained networks that the fits started from, each once."""
        every = [found for member in self.members_.values() for found in member.starting_networks()]
        return list(dict.fromkeys(every))

    def save(self, folder: Path) -> None:
        """Writes the fitted classifiers into `folder`, in formats that hold no code."""
        check_is_fitted(self, "members_")
        folder.mkdir(parents=True, exist_ok=True)
        state = {key: value for key, value in vars(self).items() if key not in ("classifier", "members_")}
        for names in ("classes_", "feature_names_in_"):
            if names in state:
                state[names] = np.asarray(state[names], str)
        write_state(folder / "state.skops", state | {"fitted_": list(self.members_)})
        for code, member in self.members_.items():
            member.save(folder / _place(code))

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Reads what `save` wrote; `name` is the classifier's. Raises UserError as `BlockClassifier.load`."""
        base = classifier_class(name)
        made = cls(base())
        state = read_state(folder / "state.skops")
        fitted = state.pop("fitted_")
        for names in ("classes_", "feature_names_in_"):
            if names in state:
                state[names] = np.asarray(state[names], object)
        made.__dict__.update(state)
        made.members_ = {int(code): base.load(folder / _place(code)) for code in fitted}
        return made


def _place(code: int) -> str:
    return "every-genre" if code == WHOLE else f"genre-{int(code)}"
